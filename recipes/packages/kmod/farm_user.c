/* The parts of a kernel module that depmod and modinfo look at: one that uses a symbol of another. */
static const char information[] __attribute__((section(".modinfo"), used)) =
    "license=GPL\0description=Asks farm_base for the answer\0depends=farm_base\0name=farm_user\0"
    "parm=size:How much to ask for\0parmtype=size:int\0alias=pci:v00001234d*sv*sd*bc*sc*i*";

extern int farm_answer(void);

int init_module(void) { return farm_answer(); }
