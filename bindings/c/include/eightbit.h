/* eightbit: exact eight-bit neural-network arithmetic, for C.
 *
 * Every function that can fail returns an eb_status; eb_last_error() then has the text, of the thread that called. No pointer that is NULL,
 * no size and no file ends the program. What a function cannot check are promises of the caller:
 *
 *   - a pointer that is not NULL points to as many elements as its shape and strides say, and nobody writes what is read, or touches what
 *     is written, before the function returns;
 *   - an object (eb_gemm *, …) comes from this library and has not been freed.
 *
 * Plans and sessions can be used by any threads at the same time; a workspace by one at a time. Freeing NULL does nothing.
 */
#ifndef EIGHTBIT_H
#define EIGHTBIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t eb_status;
enum {
    EB_OK = 0,
    EB_ERROR_NULL = 1,        /* a pointer is NULL */
    EB_ERROR_ARGUMENT = 2,    /* a number, name or option that cannot be right */
    EB_ERROR_SHAPE = 3,       /* sizes that do not fit, or overflow */
    EB_ERROR_TYPE = 4,        /* another element type than is needed */
    EB_ERROR_MODEL = 5,       /* not a model, damaged, or contradictory */
    EB_ERROR_UNSUPPORTED = 6, /* a model that asks for what is not implemented */
    EB_ERROR_LIMIT = 7,       /* larger than is allowed */
    EB_ERROR_IO = 8,          /* a file cannot be read */
    EB_ERROR_BACKEND = 9,     /* a backend that this CPU cannot run */
    EB_ERROR_PACKED = 10,     /* saved weights that are damaged or of another layout */
    EB_ERROR_INTERNAL = 11    /* a fault of this library: please report it */
};

/* The text of the calling thread's last error; "" before there is one. Valid until the thread's next error. */
const char *eb_last_error(void);
/* The version of the library. */
const char *eb_version(void);
/* The name of the backend that computes, chosen for this CPU or by the variable EIGHTBIT_BACKEND; NULL if that names none. */
const char *eb_backend(void);

/* Element types. Products take EB_U8 and EB_I8 and give these, EB_I32 or EB_F32; sessions take all. */
typedef int32_t eb_type;
enum {
    EB_F32 = 1,
    EB_U8 = 2,
    EB_I8 = 3,
    EB_U16 = 4,
    EB_I16 = 5,
    EB_I32 = 6,
    EB_I64 = 7,
    EB_BOOL = 9, /* bytes; 0 is false */
    EB_F64 = 11,
    EB_U32 = 12,
    EB_U64 = 13
};

/* Threads of the caller's. `run` calls task(data, i) once for every i < tasks, on any threads, and returns when all calls have. */
typedef struct eb_parallel {
    void *context;
    size_t threads; /* as many tasks as can run at the same time, at least 1 */
    void (*run)(void *context, size_t tasks, void (*task)(void *data, size_t index), void *data);
} eb_parallel;

/* Scratch memory: made once, given to every call. With eb_*_workspace_bytes of the plan, no call allocates. With `threads`, a call with
 * eb_parallel needs as many. */
typedef struct eb_workspace eb_workspace;
eb_status eb_workspace_new(size_t bytes, size_t threads, eb_workspace **out);
void eb_workspace_free(eb_workspace *);

/* Packed weights: in the order in which the kernels read them. */
typedef struct eb_weights eb_weights;
/* Of a matrix: element (k, n) is weights[k · row_stride + n · column_stride]. zero_points has zero_point_count numbers: 0 (none), 1, or
 * one for each column. */
eb_status eb_weights_pack(const void *weights, eb_type type, size_t k, size_t n, size_t row_stride, size_t column_stride,
                          const int32_t *zero_points, size_t zero_point_count, eb_weights **out);
/* Their bytes: *size becomes their number, and they are written to `data` if that is not NULL and has a capacity as large. */
eb_status eb_weights_save(const eb_weights *, void *data, size_t capacity, size_t *size);
eb_status eb_weights_load(const void *data, size_t size, eb_weights **out);
void eb_weights_free(eb_weights *);

/* What becomes of the exact sums.
 *   EB_I32:        stored, with the bias; all else is ignored.
 *   EB_U8, EB_I8:  round(sum · scale), to nearest, ties to even, + zero_point, clamped to low and high.
 *   EB_F32:        sum · scale, clamped to low and high.
 * scales has scale_count numbers: 1, or one for each output channel. If low > high there is no clamp but that of the type. */
typedef struct eb_stage {
    eb_type output;
    const float *scales;
    size_t scale_count;
    int32_t zero_point;
    float low, high;
} eb_stage;

/* out[m][n] = stage( Σ_k (lhs[m][k] − lhs_zero) · (weights[k][n] − zero_point[n]) + bias[n] ), modulo 2^32. bias may be NULL. The plan
 * keeps the weights alive. */
typedef struct eb_gemm eb_gemm;
eb_status eb_gemm_new(const eb_weights *, eb_type lhs, int32_t lhs_zero, const int32_t *bias, const eb_stage *, eb_gemm **out);
size_t eb_gemm_workspace_bytes(const eb_gemm *);
/* `lhs` is [m][k] with lhs_stride elements from row to row, `out` [m][n] with out_stride. `parallel` may be NULL. */
eb_status eb_gemm_run(const eb_gemm *, const void *lhs, size_t m, size_t lhs_stride, void *out, size_t out_stride,
                      eb_workspace *, const eb_parallel *parallel);
void eb_gemm_free(eb_gemm *);

/* The shape of a convolution: images [batch][height][width][in_channels], weights
 * [out_channels][kernel_height][kernel_width][in_channels / groups]. */
typedef struct eb_conv2d_shape {
    size_t batch, height, width, in_channels, out_channels;
    size_t kernel_height, kernel_width;
    size_t stride_height, stride_width;
    size_t dilation_height, dilation_width;
    size_t pad_top, pad_left, pad_bottom, pad_right;
    size_t groups;
} eb_conv2d_shape;
/* One image of this size, stride and dilation 1, no padding, one group. */
eb_conv2d_shape eb_conv2d_shape_of(size_t height, size_t width, size_t in_channels, size_t out_channels, size_t kernel);

typedef struct eb_conv2d eb_conv2d;
eb_status eb_conv2d_new(const eb_conv2d_shape *, const void *weights, eb_type weight_type, const int32_t *zero_points,
                        size_t zero_point_count, eb_type input, int32_t input_zero, const int32_t *bias, const eb_stage *,
                        eb_conv2d **out);
void eb_conv2d_output(const eb_conv2d *, size_t *height, size_t *width);
size_t eb_conv2d_workspace_bytes(const eb_conv2d *);
eb_status eb_conv2d_run(const eb_conv2d *, const void *input, void *out, eb_workspace *, const eb_parallel *parallel);
void eb_conv2d_free(eb_conv2d *);

/* A tensor of the caller's, row-major. */
typedef struct eb_tensor {
    const char *name; /* of an input; NULL for the only one */
    eb_type type;
    size_t rank;
    const size_t *shape;
    void *data;
} eb_tensor;

/* A model that is ready to run: ONNX, float or eight-bit. `parallel` may be NULL; it is copied, and its threads compute every run. */
typedef struct eb_session eb_session;
eb_status eb_session_open(const char *path, const eb_parallel *parallel, eb_session **out);
eb_status eb_session_from_bytes(const void *data, size_t size, const eb_parallel *parallel, eb_session **out);
size_t eb_session_inputs(const eb_session *);
size_t eb_session_outputs(const eb_session *);
#define EB_OPEN ((size_t)-1) /* a size that any run may choose */
/* Input or output number `index`: name and shape are valid as long as the session; `data` is NULL. */
eb_status eb_session_input(const eb_session *, size_t index, eb_tensor *info);
eb_status eb_session_output(const eb_session *, size_t index, eb_tensor *info);

/* Runs, and gives the outputs, which the caller frees. */
typedef struct eb_results eb_results;
eb_status eb_session_run(const eb_session *, const eb_tensor *inputs, size_t count, eb_results **out);
size_t eb_results_count(const eb_results *);
/* Output number `index`, valid as long as the results. */
eb_status eb_results_get(const eb_results *, size_t index, eb_tensor *tensor);
void eb_results_free(eb_results *);
/* Runs, and writes the outputs, in the model's order, to memory of the caller's; a later run on the same shapes allocates nothing. */
eb_status eb_session_run_into(const eb_session *, const eb_tensor *inputs, size_t count, const eb_tensor *outputs, size_t output_count);
void eb_session_free(eb_session *);

#ifdef __cplusplus
}
#endif
#endif
