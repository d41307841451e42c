/* Calls a function and one that takes and returns a structure, and lets qsort call back into a closure. */
#include <stdio.h>
#include <stdlib.h>

#include <ffi.h>

struct point {
    double x;
    int y;
};

static int sum(int left, long right) {
    return left + (int)right;
}

static struct point mirrored(struct point from, float by) {
    struct point to = {from.x * by, -from.y};
    return to;
}

static void compare(ffi_cif *cif, void *result, void **arguments, void *calls) {
    const int *left = *(const int **)arguments[0], *right = *(const int **)arguments[1];

    (void)cif;
    ++*(int *)calls;
    *(ffi_arg *)result = (ffi_arg)(*left - *right);
}

int main(void) {
    int left = 40, calls = 0, numbers[] = {8, 1, 5, 3, 2};
    long right = 2;
    ffi_arg total = 0;
    void *sum_values[] = {&left, &right};
    ffi_type *sum_types[] = {&ffi_type_sint, &ffi_type_slong};

    struct point from = {3.0, 4}, to = {0, 0};
    float by = 0.5f;
    ffi_type *parts[] = {&ffi_type_double, &ffi_type_sint, NULL};
    ffi_type point = {0, 0, FFI_TYPE_STRUCT, parts};
    void *point_values[] = {&from, &by};
    ffi_type *point_types[] = {&point, &ffi_type_float};

    ffi_type *pointers[] = {&ffi_type_pointer, &ffi_type_pointer};
    void *code = NULL;
    ffi_closure *closure = ffi_closure_alloc(sizeof(ffi_closure), &code);
    ffi_cif cif;

    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, sum_types) != FFI_OK)
        return 1;
    ffi_call(&cif, FFI_FN(sum), &total, sum_values);
    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &point, point_types) != FFI_OK)
        return 2;
    ffi_call(&cif, FFI_FN(mirrored), &to, point_values);
    if (closure == NULL || ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, pointers) != FFI_OK ||
        ffi_prep_closure_loc(closure, &cif, compare, &calls, code) != FFI_OK)
        return 3;
    qsort(numbers, 5, sizeof(int), (int (*)(const void *, const void *))code);
    if (calls == 0)
        return 4;
    printf("sum %d, point %g %d, sorted %d %d %d %d %d\n", (int)total, to.x, to.y, numbers[0], numbers[1], numbers[2],
           numbers[3], numbers[4]);
    ffi_closure_free(closure);
    return 0;
}
