// Formats values of the language, of its containers and of a type of its own, and expects a wrong format to throw.
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

struct Point {
    int x, y;
};

template <> struct fmt::formatter<Point> {
    constexpr auto parse(format_parse_context &context) { return context.begin(); }
    auto format(const Point &point, format_context &context) const {
        return fmt::format_to(context.out(), "<point {},{}>", point.x, point.y);
    }
};

int main() {
    fmt::print("{:05}|{:#x}|{:6.2f}|{:>5}|{}\n", 42, 42, 1.5, "right", Point{3, 4});
    fmt::print("{} {} {}\n", std::vector{1, 2, 3}, std::map<std::string, int>{{"one", 1}}, std::make_tuple("a", 'b'));
    fmt::print("{} {} {} {} {}\n", 0.1, 1e100, -0.0, std::numeric_limits<double>::infinity(),
               static_cast<__int128>(~static_cast<unsigned __int128>(0) >> 1));
    std::tm time{};
    time.tm_year = 101;
    time.tm_mon = 1;
    time.tm_mday = 3;
    time.tm_hour = 4;
    time.tm_min = 5;
    time.tm_sec = 6;
    fmt::print("{:%Y-%m-%d %H:%M:%S}\n", time);
    try {
        fmt::print("{}\n", fmt::format(fmt::runtime("{:d}"), "text"));
    } catch (const fmt::format_error &error) {
        fmt::print("refused: {}\n", error.what());
    }
}
