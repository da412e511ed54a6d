/* Two rows of bytes (zero point 10) times a 3 × 2 matrix, back to bytes (zero point 128). */
#include <eightbit.h>
#include <stdio.h>

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, eb_last_error());
    return 1;
}

int main(void) {
    const uint8_t activations[6] = {12, 10, 255, 0, 7, 10};
    const int8_t matrix[6] = {1, -128, 127, 3, -1, 2};
    const int32_t bias[2] = {100, -50};
    const float scales[2] = {0.05f, 0.01f};
    const eb_stage stage = {.output = EB_U8, .scales = scales, .scale_count = 2, .zero_point = 128, .low = 1, .high = 0};

    eb_weights *weights;
    if (eb_weights_pack(matrix, EB_I8, 3, 2, 2, 1, NULL, 0, &weights)) return failed("weights"); /* once, at load */
    eb_gemm *gemm;
    if (eb_gemm_new(weights, EB_U8, 10, bias, &stage, &gemm)) return failed("plan");
    eb_workspace *workspace;
    if (eb_workspace_new(eb_gemm_workspace_bytes(gemm), 1, &workspace)) return failed("workspace");

    uint8_t out[4];
    if (eb_gemm_run(gemm, activations, 2, 3, out, 2, workspace, NULL)) return failed("run"); /* allocates nothing */
    printf("%d %d %d %d\n", out[0], out[1], out[2], out[3]); /* 121 130 113 140, on every CPU */

    eb_workspace_free(workspace);
    eb_gemm_free(gemm);
    eb_weights_free(weights);
    return 0;
}
