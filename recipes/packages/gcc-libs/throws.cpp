// An exception thrown inside libstdc++ unwinds, by libgcc_s, to a handler in this program.
#include <iostream>
#include <stdexcept>
#include <string>

int main(int count, char **) {
    std::string text(static_cast<std::size_t>(count) + 2, 'x');
    try {
        return text.at(9);
    } catch (const std::out_of_range &error) {
        std::cout << "caught: " << error.what() << std::endl;
    }
    return 0;
}
