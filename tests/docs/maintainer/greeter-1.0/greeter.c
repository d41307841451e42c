#include <greet.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("%s, %s.\n", greet(), argc > 1 ? argv[1] : WHO);
    return 0;
}
