/* The C library from C. Run under AddressSanitizer by test.sh; its argument is a model: float32 "x" of any length to its absolute "y". */
#include "eightbit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
#define CHECK(condition)                                                                        \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, eb_last_error()); \
            failures++;                                                                         \
        }                                                                                       \
    } while (0)

static const eb_stage SUMS = {EB_I32, NULL, 0, 0, 0, 0};

/* Threads of the caller's: two, started for each call. */
typedef struct {
    void (*task)(void *, size_t);
    void *data;
    size_t first, tasks;
} part;

static void *work(void *argument) {
    part *p = argument;
    for (size_t i = p->first; i < p->tasks; i += 2) p->task(p->data, i);
    return NULL;
}

static size_t calls;
static void run(void *context, size_t tasks, void (*task)(void *, size_t), void *data) {
    (*(size_t *)context)++;
    part parts[2] = {{task, data, 0, tasks}, {task, data, 1, tasks}};
    pthread_t other;
    if (pthread_create(&other, NULL, work, &parts[1])) abort();
    work(&parts[0]);
    pthread_join(other, NULL);
}
static const eb_parallel TWO = {&calls, 2, run};

static void idle(void *context, size_t tasks, void (*task)(void *, size_t), void *data) {
    (void)context, (void)tasks, (void)task, (void)data;
}

/* Products of extreme bytes, in memory that ends where the operands do. */
static void products(size_t m, size_t k, size_t n, const eb_parallel *parallel) {
    uint8_t *lhs = malloc(m * k);
    int8_t *weights = malloc(k * n);
    int32_t *out = malloc(m * n * sizeof *out), *zeros = malloc(n * sizeof *zeros + 1);
    for (size_t i = 0; i < m * k; i++) lhs[i] = i % 3 ? 255 : 0;
    for (size_t i = 0; i < k * n; i++) weights[i] = i % 5 ? -128 : 127;
    for (size_t i = 0; i < n; i++) zeros[i] = (int32_t)(i % 7);
    eb_weights *packed = NULL;
    eb_gemm *gemm = NULL;
    eb_workspace *workspace = NULL;
    CHECK(eb_weights_pack(weights, EB_I8, k, n, n, 1, zeros, n, &packed) == EB_OK);
    free(weights), weights = NULL;
    CHECK(eb_gemm_new(packed, EB_U8, 3, NULL, &SUMS, &gemm) == EB_OK);
    eb_weights_free(packed);
    CHECK(eb_workspace_new(eb_gemm_workspace_bytes(gemm), 2, &workspace) == EB_OK);
    CHECK(eb_gemm_run(gemm, lhs, m, k, out, n, workspace, parallel) == EB_OK);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (size_t d = 0; d < k; d++)
                sum += ((int64_t)lhs[i * k + d] - 3) * (((d * n + j) % 5 ? -128 : 127) - (int64_t)(j % 7));
            CHECK(out[i * n + j] == (int32_t)(uint32_t)sum);
        }
    eb_gemm_free(gemm), eb_workspace_free(workspace);
    free(lhs), free(out), free(zeros);
}

static void stages(void) {
    const uint8_t lhs[6] = {12, 10, 255, 0, 7, 10};
    const int8_t weights[6] = {1, -128, 127, 3, -1, 2};
    const int32_t bias[2] = {100, -50};
    const float scales[2] = {0.05f, 0.01f};
    eb_weights *packed;
    eb_gemm *gemm;
    eb_workspace *workspace;
    CHECK(eb_weights_pack(weights, EB_I8, 3, 2, 2, 1, NULL, 0, &packed) == EB_OK);
    CHECK(eb_workspace_new(0, 1, &workspace) == EB_OK);
    eb_stage stage = {EB_U8, scales, 2, 128, 1, 0};
    uint8_t out[4];
    CHECK(eb_gemm_new(packed, EB_U8, 10, bias, &stage, &gemm) == EB_OK);
    CHECK(eb_gemm_run(gemm, lhs, 2, 3, out, 2, workspace, NULL) == EB_OK);
    CHECK(out[0] == 121 && out[1] == 130 && out[2] == 113 && out[3] == 140);
    eb_gemm_free(gemm);
    stage = (eb_stage){EB_U8, scales, 2, 128, 120, 1000};
    CHECK(eb_gemm_new(packed, EB_U8, 10, bias, &stage, &gemm) == EB_OK);
    CHECK(eb_gemm_run(gemm, lhs, 2, 3, out, 2, workspace, NULL) == EB_OK);
    CHECK(out[0] == 121 && out[1] == 130 && out[2] == 120 && out[3] == 140);
    eb_gemm_free(gemm);
    stage = (eb_stage){EB_F32, scales, 1, 0, 1, 0};
    float reals[6];
    CHECK(eb_gemm_new(packed, EB_U8, 10, NULL, &stage, &gemm) == EB_OK);
    CHECK(eb_gemm_run(gemm, lhs, 2, 3, reals, 4, workspace, NULL) == EB_OK); /* rows four apart; the last one is not padded */
    CHECK(reals[0] == (float)(2 * 1 - 245) * 0.05f);
    eb_gemm_free(gemm);

    /* Saved and loaded, whole and not. */
    size_t size = 0;
    CHECK(eb_weights_save(packed, NULL, 0, &size) == EB_OK && size > 0);
    char *bytes = malloc(size);
    CHECK(eb_weights_save(packed, bytes, size - 1, &size) == EB_ERROR_SHAPE);
    CHECK(eb_weights_save(packed, bytes, size, &size) == EB_OK);
    eb_weights *loaded;
    CHECK(eb_weights_load(bytes, size, &loaded) == EB_OK);
    eb_weights_free(loaded);
    for (size_t cut = 0; cut < size; cut += 7) {
        char *part = malloc(cut + !cut);
        memcpy(part, bytes, cut);
        CHECK(eb_weights_load(part, cut, &loaded) == EB_ERROR_PACKED && loaded == NULL);
        free(part);
    }
    bytes[size - 1] ^= 1;
    CHECK(eb_weights_load(bytes, size, &loaded) == EB_ERROR_PACKED && strstr(eb_last_error(), "checksum"));
    free(bytes);
    eb_weights_free(packed), eb_workspace_free(workspace);
}

static void convolutions(const eb_parallel *parallel) {
    eb_conv2d_shape shape = eb_conv2d_shape_of(5, 4, 2, 3, 3);
    shape.pad_top = shape.pad_left = shape.pad_bottom = shape.pad_right = 1;
    uint8_t *input = malloc(5 * 4 * 2), *weights = malloc(3 * 3 * 3 * 2);
    int32_t *out = malloc(5 * 4 * 3 * sizeof *out);
    for (size_t i = 0; i < 5 * 4 * 2; i++) input[i] = (uint8_t)(i * 37);
    for (size_t i = 0; i < 3 * 3 * 3 * 2; i++) weights[i] = (uint8_t)(i * 101);
    const int32_t zero = 128, bias[3] = {1, -2, 3};
    eb_conv2d *conv;
    eb_workspace *workspace;
    CHECK(eb_conv2d_new(&shape, weights, EB_U8, &zero, 1, EB_U8, 7, bias, &SUMS, &conv) == EB_OK);
    size_t height = 0, width = 0;
    eb_conv2d_output(conv, &height, &width);
    CHECK(height == 5 && width == 4);
    CHECK(eb_workspace_new(eb_conv2d_workspace_bytes(conv), 2, &workspace) == EB_OK);
    CHECK(eb_conv2d_run(conv, input, out, workspace, parallel) == EB_OK);
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 4; x++)
            for (int o = 0; o < 3; o++) {
                int32_t sum = bias[o];
                for (int dy = 0; dy < 3; dy++)
                    for (int dx = 0; dx < 3; dx++)
                        for (int c = 0; c < 2; c++) {
                            int sy = y + dy - 1, sx = x + dx - 1;
                            if (sy < 0 || sy > 4 || sx < 0 || sx > 3) continue;
                            sum += (input[(sy * 4 + sx) * 2 + c] - 7) * (weights[((o * 3 + dy) * 3 + dx) * 2 + c] - zero);
                        }
                CHECK(out[(y * 4 + x) * 3 + o] == sum);
            }
    eb_conv2d_free(conv), eb_workspace_free(workspace);
    shape.stride_width = 0;
    CHECK(eb_conv2d_new(&shape, weights, EB_U8, &zero, 1, EB_U8, 7, bias, &SUMS, &conv) == EB_ERROR_SHAPE && conv == NULL);
    shape.stride_width = 1, shape.batch = SIZE_MAX / 2;
    CHECK(eb_conv2d_new(&shape, weights, EB_U8, &zero, 1, EB_U8, 7, bias, &SUMS, &conv) == EB_ERROR_SHAPE);
    free(input), free(weights), free(out);
}

static void wrong_arguments(void) {
    eb_weights *weights = (eb_weights *)&SUMS;
    eb_gemm *gemm;
    eb_workspace *workspace;
    const int8_t bytes[4] = {1, 2, 3, 4};
    CHECK(strcmp(eb_last_error(), "") != 0);
    CHECK(eb_weights_pack(NULL, EB_I8, 2, 2, 2, 1, NULL, 0, &weights) == EB_ERROR_NULL && weights == NULL);
    CHECK(eb_weights_pack(bytes, EB_I8, 2, 2, 2, 1, NULL, 0, NULL) == EB_ERROR_NULL);
    CHECK(eb_weights_pack(bytes, EB_F32, 2, 2, 2, 1, NULL, 0, &weights) == EB_ERROR_TYPE);
    CHECK(eb_weights_pack(bytes, 99, 2, 2, 2, 1, NULL, 0, &weights) == EB_ERROR_TYPE);
    CHECK(eb_weights_pack(bytes, EB_I8, SIZE_MAX, SIZE_MAX, SIZE_MAX, 1, NULL, 0, &weights) == EB_ERROR_SHAPE);
    CHECK(eb_weights_pack(bytes, EB_I8, SIZE_MAX / 2, 1, 2, 1, NULL, 0, &weights) == EB_ERROR_SHAPE);
    const int32_t zeros[3] = {0, 0, 0}, far = 1000;
    CHECK(eb_weights_pack(bytes, EB_I8, 2, 2, 2, 1, zeros, 3, &weights) == EB_ERROR_SHAPE);
    CHECK(eb_weights_pack(bytes, EB_I8, 2, 2, 2, 1, &far, 1, &weights) == EB_ERROR_ARGUMENT);
    CHECK(eb_weights_pack(bytes, EB_I8, 2, 2, 2, 1, NULL, 1, &weights) == EB_ERROR_NULL);
    CHECK(eb_workspace_new(SIZE_MAX, 1, &workspace) == EB_ERROR_LIMIT && workspace == NULL);
    CHECK(eb_workspace_new(1, 0, &workspace) == EB_ERROR_ARGUMENT);
    CHECK(eb_workspace_new(0, 1, &workspace) == EB_OK);
    CHECK(eb_weights_pack(bytes, EB_I8, 2, 2, 2, 1, NULL, 0, &weights) == EB_OK);
    CHECK(eb_gemm_new(NULL, EB_U8, 0, NULL, &SUMS, &gemm) == EB_ERROR_NULL);
    CHECK(eb_gemm_new(weights, EB_U8, 0, NULL, NULL, &gemm) == EB_ERROR_NULL);
    CHECK(eb_gemm_new(weights, EB_I32, 0, NULL, &SUMS, &gemm) == EB_ERROR_TYPE);
    CHECK(eb_gemm_new(weights, EB_U8, 256, NULL, &SUMS, &gemm) == EB_ERROR_ARGUMENT);
    const float bad = -1;
    const eb_stage negative = {EB_U8, &bad, 1, 0, 1, 0}, none = {EB_U8, NULL, 0, 0, 1, 0};
    CHECK(eb_gemm_new(weights, EB_U8, 0, NULL, &negative, &gemm) == EB_ERROR_ARGUMENT);
    CHECK(eb_gemm_new(weights, EB_U8, 0, NULL, &none, &gemm) == EB_ERROR_ARGUMENT);
    CHECK(eb_gemm_new(weights, EB_U8, 0, NULL, &SUMS, &gemm) == EB_OK);
    const uint8_t lhs[4] = {1, 2, 3, 4};
    int32_t out[4] = {9, 9, 9, 9};
    CHECK(eb_gemm_run(gemm, NULL, 2, 2, out, 2, workspace, NULL) == EB_ERROR_NULL);
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, NULL, 2, workspace, NULL) == EB_ERROR_NULL);
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, out, 2, NULL, NULL) == EB_ERROR_NULL);
    CHECK(eb_gemm_run(NULL, lhs, 2, 2, out, 2, workspace, NULL) == EB_ERROR_NULL);
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, out, 1, workspace, NULL) == EB_ERROR_SHAPE);
    CHECK(eb_gemm_run(gemm, lhs, SIZE_MAX, 2, out, 2, workspace, NULL) == EB_ERROR_SHAPE);
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, (char *)out + 1, 2, workspace, NULL) == EB_ERROR_ARGUMENT);
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, out, 2, workspace, &TWO) == EB_ERROR_ARGUMENT); /* two threads, one workspace */
    eb_parallel threads = {NULL, 1, NULL};
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, out, 2, workspace, &threads) == EB_ERROR_NULL);
    threads.run = idle;
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, out, 2, workspace, &threads) == EB_ERROR_ARGUMENT);
    threads.threads = 0;
    CHECK(eb_gemm_run(gemm, lhs, 2, 2, out, 2, workspace, &threads) == EB_ERROR_ARGUMENT);
    CHECK(out[0] == 9 && eb_gemm_run(gemm, NULL, 0, 2, NULL, 2, workspace, NULL) == EB_OK);
    CHECK(eb_gemm_workspace_bytes(NULL) == 0 && eb_session_inputs(NULL) == 0);
    eb_conv2d_output(NULL, NULL, NULL);
    eb_gemm_free(gemm), eb_weights_free(weights), eb_workspace_free(workspace);
    eb_gemm_free(NULL), eb_weights_free(NULL), eb_workspace_free(NULL);
    eb_conv2d_free(NULL), eb_session_free(NULL), eb_results_free(NULL);
}

static void *shared(void *session) {
    for (size_t length = 1; length < 40; length++) {
        float *x = malloc(length * sizeof *x), *y = malloc(length * sizeof *y);
        for (size_t i = 0; i < length; i++) x[i] = -(float)i;
        eb_tensor in = {NULL, EB_F32, 1, &length, x}, out = {NULL, EB_F32, 1, &length, y};
        CHECK(eb_session_run_into(session, &in, 1, &out, 1) == EB_OK);
        for (size_t i = 0; i < length; i++) CHECK(y[i] == (float)i);
        free(x), free(y);
    }
    return NULL;
}

static void sessions(const char *path, const eb_parallel *parallel) {
    eb_session *session;
    CHECK(eb_session_open(path, parallel, &session) == EB_OK);
    eb_tensor info;
    CHECK(eb_session_inputs(session) == 1 && eb_session_outputs(session) == 1);
    CHECK(eb_session_input(session, 0, &info) == EB_OK && strcmp(info.name, "x") == 0 && info.type == EB_F32);
    CHECK(info.rank == 1 && info.shape[0] == EB_OPEN && info.data == NULL);
    CHECK(eb_session_output(session, 1, &info) == EB_ERROR_ARGUMENT);
    float x[3] = {-1, 2, -3};
    size_t three = 3, huge[3] = {SIZE_MAX, SIZE_MAX, 2};
    eb_tensor in = {"x", EB_F32, 1, &three, x};
    eb_results *results;
    CHECK(eb_session_run(session, &in, 1, &results) == EB_OK && eb_results_count(results) == 1);
    eb_tensor y;
    CHECK(eb_results_get(results, 0, &y) == EB_OK && strcmp(y.name, "y") == 0 && y.rank == 1 && y.shape[0] == 3);
    CHECK(((float *)y.data)[0] == 1 && ((float *)y.data)[2] == 3);
    CHECK(eb_results_get(results, 1, &y) == EB_ERROR_ARGUMENT);
    eb_results_free(results);
    eb_tensor wrong = in;
    wrong.name = "none";
    CHECK(eb_session_run(session, &wrong, 1, &results) != EB_OK && results == NULL && strstr(eb_last_error(), "none"));
    CHECK(eb_session_run(session, &in, 0, &results) != EB_OK);
    CHECK(eb_session_run(session, NULL, 1, &results) == EB_ERROR_NULL);
    wrong = in, wrong.data = NULL;
    CHECK(eb_session_run(session, &wrong, 1, &results) == EB_ERROR_NULL);
    wrong = in, wrong.type = 77;
    CHECK(eb_session_run(session, &wrong, 1, &results) == EB_ERROR_TYPE);
    wrong = in, wrong.rank = 3, wrong.shape = huge;
    CHECK(eb_session_run(session, &wrong, 1, &results) == EB_ERROR_SHAPE);
    wrong = in, wrong.rank = SIZE_MAX;
    CHECK(eb_session_run(session, &wrong, 1, &results) == EB_ERROR_SHAPE);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, shared, session)) abort();
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    eb_session_free(session);
    CHECK(eb_session_open("none.onnx", NULL, &session) == EB_ERROR_IO && session == NULL);
    CHECK(eb_session_open(NULL, NULL, &session) == EB_ERROR_NULL);
    CHECK(eb_session_from_bytes("hello", 5, NULL, &session) == EB_ERROR_MODEL);
    CHECK(eb_session_from_bytes(NULL, 5, NULL, &session) == EB_ERROR_NULL);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    printf("eightbit %s, backend %s\n", eb_version(), eb_backend());
    CHECK(strcmp(eb_last_error(), "") == 0);
    const size_t sizes[][3] = {{1, 1, 1}, {1, 0, 3}, {0, 5, 2}, {3, 5, 0}, {1, 64, 17}, {5, 129, 33}, {70, 256, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        products(sizes[i][0], sizes[i][1], sizes[i][2], NULL);
        products(sizes[i][0], sizes[i][1], sizes[i][2], &TWO);
    }
    CHECK(calls > 0);
    stages();
    convolutions(NULL), convolutions(&TWO);
    wrong_arguments();
    sessions(arguments[1], NULL), sessions(arguments[1], &TWO);
    printf(failures ? "%d checks failed\n" : "every check passed\n", failures);
    return failures != 0;
}
