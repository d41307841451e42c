__asm__(".symver old_greet, greet@V1");
__asm__(".symver new_greet, greet@@V2");
void old_greet(void) {}
void new_greet(void) {}
extern int missing(void);
extern int maybe(void) __attribute__((weak));
__attribute__((visibility("hidden"))) int hidden_thing = 1;
int shown(void) { return missing() + (maybe ? maybe() : 0) + hidden_thing; }
