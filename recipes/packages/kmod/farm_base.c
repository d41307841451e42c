/* The parts of a kernel module that depmod and modinfo look at: one that offers a symbol. */
static const char information[] __attribute__((section(".modinfo"), used)) =
    "license=GPL\0description=Knows the answer\0depends=\0name=farm_base";

static const char names[] __attribute__((section("__ksymtab_strings"), used)) = "farm_answer";

/* The checksum of its type, as an absolute symbol. */
__asm__(".globl __crc_farm_answer\n.set __crc_farm_answer, 0x12345678");

int farm_answer(void) { return 42; }
