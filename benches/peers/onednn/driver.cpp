// Times oneDNN's eight-bit matrix products and convolutions, one thread, weights prepacked.
//
//   onednn_bench gemm SHAPES     lines "name M K N"
//   onednn_bench conv SHAPES     lines "name H C O R stride padding groups": input H*H*C, O kernels R*R
//
// One line per case: peer,op,shape,dtypes,prepacked,median,max,min,samples,note, in Gop/s (2 operations per product).
// Thread-CPU time, so slices in which another process held the core do not count. BENCH_MS: time spent on a case.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <time.h>
#include <unordered_map>
#include <vector>

#include "dnnl.hpp"

using namespace dnnl;
using Type = memory::data_type;
using Layout = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

static engine cpu(engine::kind::cpu, 0);
static stream queue(cpu);

static double now() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static uint32_t random_bits() {
    static uint32_t state = 12345;
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}

struct Rate {
    double median, max, min;
    size_t samples;
};

// Rates in Gop/s from samples of at least 0.3 ms each, so that the clock's resolution does not show.
static Rate measure(double operations, const std::function<void()> &call) {
    const double budget = 1e-3 * (getenv("BENCH_MS") ? atof(getenv("BENCH_MS")) : 60);
    call();
    long repeats = 1;
    for (;;) {
        double start = now();
        for (long i = 0; i < repeats; i++) call();
        double taken = now() - start;
        if (taken > 3e-4) break;
        repeats = taken < 3e-5 ? repeats * 8 : long(repeats * 3.6e-4 / taken) + 1;
    }
    for (double start = now(); now() - start < 0.3 * budget;) call();
    std::vector<double> rates;
    for (double start = now(); rates.size() < 5 || (now() - start < budget && rates.size() < 60);) {
        double before = now();
        for (long i = 0; i < repeats; i++) call();
        rates.push_back(operations * repeats / (now() - before) * 1e-9);
    }
    std::sort(rates.begin(), rates.end());
    return {rates[rates.size() / 2], rates.back(), rates[0], rates.size()};
}

static void report(const char *op, const std::string &shape, const char *types, const Rate &rate, const std::string &note) {
    printf("onednn,%s,%s,%s,yes,%.3f,%.3f,%.3f,%zu,%s\n", op, shape.c_str(), types, rate.median, rate.max, rate.min,
           rate.samples, note.c_str());
    fflush(stdout);
}

// Memory filled with values of its type's whole range.
static memory filled(const memory::desc &desc) {
    memory m(desc, cpu);
    auto *bytes = static_cast<uint8_t *>(m.get_data_handle());
    if (desc.get_data_type() == Type::f32) {
        for (size_t i = 0; i < desc.get_size() / 4; i++) reinterpret_cast<float *>(bytes)[i] = float(random_bits() % 255) / 127 - 1;
    } else {
        for (size_t i = 0; i < desc.get_size(); i++) bytes[i] = uint8_t(random_bits() >> 8);
    }
    return m;
}

static memory scales(long count, float value) {
    memory m({{count}, Type::f32, Layout::a}, cpu);
    std::fill_n(static_cast<float *>(m.get_data_handle()), count, value);
    return m;
}

static memory packed(const memory &plain, const memory::desc &wanted) {
    memory m(wanted, cpu);
    reorder(plain, m).execute(queue, const_cast<memory &>(plain), m);
    queue.wait();
    return m;
}

// How many of some thousand sums are not what integers give.
static std::string check_sums(const memory &lhs, bool is_signed, const memory &rhs, const memory &out, long M, long K,
                              long N) {
    auto *a = static_cast<const uint8_t *>(lhs.get_data_handle());
    auto *b = static_cast<const int8_t *>(rhs.get_data_handle());
    auto *c = static_cast<const int32_t *>(out.get_data_handle());
    long checked = std::min(M * N, 2000L), wrong = 0;
    for (long t = 0; t < checked; t++) {
        long at = M * N <= 2000 ? t : long(random_bits() % uint64_t(M * N)), i = at / N, j = at % N, sum = 0;
        for (long k = 0; k < K; k++) {
            long value = is_signed ? long(int8_t(a[i * K + k])) : long(a[i * K + k]);
            sum += value * b[k * N + j];
        }
        wrong += sum != c[at];
    }
    return wrong == 0 ? "" : ";" + std::to_string(wrong) + " of " + std::to_string(checked) + " sums are wrong";
}

static void gemm(const std::string &shape, long M, long K, long N, Type activation, bool requantized) {
    memory::desc lhs({M, K}, activation, Layout::ab), rhs({K, N}, Type::s8, Layout::any), plain({K, N}, Type::s8, Layout::ab);
    memory::desc out({M, N}, requantized ? Type::u8 : Type::s32, Layout::ab), bias({1, N}, Type::f32, Layout::ab);
    primitive_attr attributes;
    if (requantized) {
        attributes.set_scales_mask(DNNL_ARG_SRC, 0);
        attributes.set_scales_mask(DNNL_ARG_WEIGHTS, 2);
        attributes.set_scales_mask(DNNL_ARG_DST, 0);
    }
    auto plan = requantized ? matmul::primitive_desc(cpu, lhs, rhs, bias, out, attributes)
                            : matmul::primitive_desc(cpu, lhs, rhs, out, attributes);
    memory activations = filled(lhs), weights = filled(plain), result = filled(out);
    Arguments arguments{{DNNL_ARG_SRC, activations}, {DNNL_ARG_WEIGHTS, packed(weights, plan.weights_desc())}, {DNNL_ARG_DST, result}};
    if (requantized) {
        arguments[DNNL_ARG_BIAS] = filled(bias);
        arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC] = scales(1, .02f);
        arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS] = scales(N, .01f);
        arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST] = scales(1, .1f);
    }
    matmul primitive(plan);
    auto call = [&] {
        primitive.execute(queue, arguments);
        queue.wait();
    };
    call();
    std::string note = plan.impl_info_str();
    if (!requantized) note += check_sums(activations, activation == Type::s8, weights, result, M, K, N);
    const char *types = requantized ? "u8s8u8_perchan" : activation == Type::s8 ? "s8s8s32" : "u8s8s32";
    report("matmul", shape, types, measure(2.0 * M * K * N, call), note);
}

static void conv(const std::string &shape, long H, long C, long O, long R, long stride, long padding, long groups) {
    long size = (H + 2 * padding - R) / stride + 1;
    bool grouped = groups > 1;
    memory::dims kernel = grouped ? memory::dims{groups, O / groups, C / groups, R, R} : memory::dims{O, C, R, R};
    memory::desc input({1, C, H, H}, Type::u8, Layout::nhwc), output({1, O, size, size}, Type::u8, Layout::nhwc);
    memory::desc weights(kernel, Type::s8, Layout::any), plain(kernel, Type::s8, grouped ? Layout::goihw : Layout::oihw);
    memory::desc bias({O}, Type::f32, Layout::a);
    primitive_attr attributes;
    attributes.set_scales_mask(DNNL_ARG_SRC, 0);
    attributes.set_scales_mask(DNNL_ARG_WEIGHTS, grouped ? 3 : 1);
    attributes.set_scales_mask(DNNL_ARG_DST, 0);
    post_ops after;
    after.append_eltwise(algorithm::eltwise_relu, 0, 0);
    attributes.set_post_ops(after);
    convolution_forward::primitive_desc plan(cpu, prop_kind::forward_inference, algorithm::convolution_direct, input, weights,
                                             bias, output, {stride, stride}, {0, 0}, {padding, padding},
                                             {padding, padding}, attributes);
    Arguments arguments{{DNNL_ARG_SRC, filled(input)},
                        {DNNL_ARG_WEIGHTS, packed(filled(plain), plan.weights_desc())},
                        {DNNL_ARG_DST, filled(output)},
                        {DNNL_ARG_BIAS, filled(bias)},
                        {DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, scales(1, .02f)},
                        {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, scales(O, .01f)},
                        {DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, scales(1, .1f)}};
    convolution_forward primitive(plan);
    double operations = 2.0 * size * size * O * R * R * (C / groups);
    auto rate = measure(operations, [&] {
        primitive.execute(queue, arguments);
        queue.wait();
    });
    report("conv", shape, "u8s8u8_nhwc", rate, plan.impl_info_str());
}

int main(int count, char **arguments) {
    std::string op = count > 1 ? arguments[1] : "";
    if (count != 3 || (op != "gemm" && op != "conv")) {
        fprintf(stderr, "usage: onednn_bench gemm|conv SHAPES\n");
        return 2;
    }
    std::ifstream file(arguments[2]);
    if (!file) {
        fprintf(stderr, "cannot read %s\n", arguments[2]);
        return 2;
    }
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        if (!(words >> name) || name[0] == '#') continue;
        try {
            if (op == "gemm") {
                long M, K, N;
                words >> M >> K >> N;
                gemm(name, M, K, N, Type::u8, false);
                gemm(name, M, K, N, Type::s8, false);
                gemm(name, M, K, N, Type::u8, true);
            } else {
                long H, C, O, R, stride, padding, groups;
                words >> H >> C >> O >> R >> stride >> padding >> groups;
                conv(name, H, C, O, R, stride, padding, groups);
            }
        } catch (error &failure) {
            fprintf(stderr, "%s: %s\n", name.c_str(), failure.what());
            return 1;
        }
    }
}
