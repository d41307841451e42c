/* What facts of format 2 tell: classes, sizes, visibility, and the note of what may be opened later. */
__thread int per_thread = 1;
int table[3] = {1, 2, 3};
__attribute__((visibility("protected"))) int guarded = 4;
void act(void) {}
extern int elsewhere;
extern __thread int threads_elsewhere;
int use(void) { return elsewhere + threads_elsewhere; }

#define NOTE "[{\"soname\":[\"libx.so.2\",\"libx.so.1\"],\"feature\":\"x\",\"priority\":\"suggested\"}]"
static const struct {
    int owner_size, size, type;
    char owner[4], content[(sizeof NOTE + 3) & ~3];
} note __attribute__((used, aligned(4), section(".note.dlopen"))) = {4, sizeof NOTE, 0x407c0c0a, "FDO", NOTE};
