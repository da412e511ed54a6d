// Times oneDNN's eight-bit matrix products and convolutions, one thread, weights prepacked.
//
//   onednn_bench gemm|conv TYPES…
//   onednn_bench version
//
// Lines of standard input are shapes, "name M K N" or "name H C O R stride padding groups" (input H*H*C, O kernels R*R);
// further words are ignored. Each is answered at once, with a line for each of the types and an empty line:
//   peer,op,shape,types,prepacked,median,max,min,samples,note   in Gop/s (2 operations per product)
// A repeated shape is measured again without new preparation.
//
// Types: u8s8s32, s8s8s32 (raw sums), u8s8u8 (requantized per channel), f32 (convolutions); …_pair_safe: seven-bit weights.
// Thread-CPU time, so slices in which another process held the core do not count. BENCH_MS: time spent on a case.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
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

// Rates in Gop/s from samples of at least 0.3 ms each, which hide the clock's resolution.
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

struct Types {
    std::string name;
    Type activations, weights, output;
    bool pair_safe;

    bool is_raw() const { return output == Type::s32; }
    bool is_float() const { return output == Type::f32; }
    Types raw() const { return {name, activations, weights, Type::s32, pair_safe}; }
};

static Types types_of(const std::string &name) {
    const std::string suffix = "_pair_safe";
    bool pair_safe = name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
    std::string plain = pair_safe ? name.substr(0, name.size() - suffix.size()) : name;
    if (plain == "u8s8s32") return {name, Type::u8, Type::s8, Type::s32, pair_safe};
    if (plain == "s8s8s32") return {name, Type::s8, Type::s8, Type::s32, pair_safe};
    if (plain == "u8s8u8") return {name, Type::u8, Type::s8, Type::u8, pair_safe};
    if (plain == "f32") return {name, Type::f32, Type::f32, Type::f32, pair_safe};
    fprintf(stderr, "types that are not known: %s\n", name.c_str());
    exit(2);
}

// A call, ready to be measured.
struct Case {
    Types types;
    double operations;
    std::function<void()> call;
    std::string note;
};

// Memory filled with values of its type's whole range, or of seven bits.
static memory filled(const memory::desc &desc, bool pair_safe = false) {
    memory m(desc, cpu);
    auto *bytes = static_cast<int8_t *>(m.get_data_handle());
    if (desc.get_data_type() == Type::f32) {
        for (size_t i = 0; i < desc.get_size() / 4; i++) reinterpret_cast<float *>(bytes)[i] = float(random_bits() % 255) / 127 - 1;
    } else {
        for (size_t i = 0; i < desc.get_size(); i++) bytes[i] = int8_t(int8_t(random_bits() >> 8) >> pair_safe);
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

static long element(const memory &m, long index) {
    auto *bytes = static_cast<const uint8_t *>(m.get_data_handle());
    return m.get_desc().get_data_type() == Type::s8 ? long(int8_t(bytes[index])) : long(bytes[index]);
}

// Counts the wrong sums among some thousand; `expected` computes the sum at an index in integers.
static std::string check_sums(const memory &out, const std::function<long(long)> &expected) {
    auto *sums = static_cast<const int32_t *>(out.get_data_handle());
    long all = long(out.get_desc().get_size() / 4), checked = std::min(all, 2000L), wrong = 0;
    for (long t = 0; t < checked; t++) {
        long at = all <= 2000 ? t : long(random_bits() % uint64_t(all));
        wrong += expected(at) != sums[at];
    }
    return wrong == 0 ? "" : ";" + std::to_string(wrong) + " of " + std::to_string(checked) + " sums are wrong";
}

// The additional arguments of a requantizing primitive: a scale for all activations and outputs, one for each of the weights'
// channels.
static primitive_attr attributes_of(const Types &types, int channel_mask) {
    primitive_attr attributes;
    if (types.output == Type::u8) {
        attributes.set_scales_mask(DNNL_ARG_SRC, 0);
        attributes.set_scales_mask(DNNL_ARG_WEIGHTS, channel_mask);
        attributes.set_scales_mask(DNNL_ARG_DST, 0);
    }
    return attributes;
}

static void add_requantization(Arguments &arguments, const memory::desc &bias, long channels) {
    arguments[DNNL_ARG_BIAS] = filled(bias);
    arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC] = scales(1, .02f);
    arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS] = scales(channels, .01f);
    arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST] = scales(1, 2.f);
}

static Case gemm_case(const Types &types, long M, long K, long N) {
    memory::desc lhs({M, K}, types.activations, Layout::ab), rhs({K, N}, types.weights, Layout::any);
    memory::desc plain({K, N}, types.weights, Layout::ab), out({M, N}, types.output, Layout::ab), bias({1, N}, Type::f32, Layout::ab);
    primitive_attr attributes = attributes_of(types, 2);
    auto plan = types.is_raw() ? matmul::primitive_desc(cpu, lhs, rhs, out, attributes)
                               : matmul::primitive_desc(cpu, lhs, rhs, bias, out, attributes);
    memory activations = filled(lhs), weights = filled(plain, types.pair_safe), result = filled(out);
    Arguments arguments{{DNNL_ARG_SRC, activations}, {DNNL_ARG_WEIGHTS, packed(weights, plan.weights_desc())}, {DNNL_ARG_DST, result}};
    if (!types.is_raw()) add_requantization(arguments, bias, N);
    matmul primitive(plan);
    Case ready{types, 2.0 * M * K * N, [=] { primitive.execute(queue, arguments), queue.wait(); }, plan.impl_info_str()};
    if (types.is_raw()) {
        ready.call();
        ready.note += check_sums(result, [&](long at) {
            long sum = 0;
            for (long k = 0; k < K; k++) sum += element(activations, at / N * K + k) * element(weights, k * N + at % N);
            return sum;
        });
    } else {
        // Its rounding differs; the sums before rounding can be checked.
        std::string raw = gemm_case(types.raw(), M, K, N).note;
        size_t wrong = raw.find(';');
        if (wrong != std::string::npos) ready.note += raw.substr(wrong);
    }
    return ready;
}

struct Convolution {
    long H, C, O, R, stride, padding, groups;

    long size() const { return (H + 2 * padding - R) / stride + 1; }
    double products() const { return double(size()) * size() * O * R * R * (C / groups); }
};

// The sum of the output at an index, NHWC; weights are OIHW, those of all groups one after the other.
static long convolved(const Convolution &c, const memory &input, const memory &weights, long at) {
    long size = c.size(), o = at % c.O, x = at / c.O % size, y = at / c.O / size, inputs = c.C / c.groups, sum = 0;
    for (long ky = 0; ky < c.R; ky++) {
        for (long kx = 0; kx < c.R; kx++) {
            long iy = y * c.stride + ky - c.padding, ix = x * c.stride + kx - c.padding;
            if (iy < 0 || iy >= c.H || ix < 0 || ix >= c.H) continue;
            long pixel = (iy * c.H + ix) * c.C + o / (c.O / c.groups) * inputs;
            for (long i = 0; i < inputs; i++) {
                sum += element(input, pixel + i) * element(weights, ((o * inputs + i) * c.R + ky) * c.R + kx);
            }
        }
    }
    return sum;
}

static Case conv_case(const Types &types, const Convolution &c) {
    long size = c.size();
    bool grouped = c.groups > 1;
    memory::dims kernel = grouped ? memory::dims{c.groups, c.O / c.groups, c.C / c.groups, c.R, c.R} : memory::dims{c.O, c.C, c.R, c.R};
    memory::desc input({1, c.C, c.H, c.H}, types.activations, Layout::nhwc), output({1, c.O, size, size}, types.output, Layout::nhwc);
    memory::desc any(kernel, types.weights, Layout::any), plain(kernel, types.weights, grouped ? Layout::goihw : Layout::oihw);
    memory::desc bias({c.O}, Type::f32, Layout::a);
    primitive_attr attributes = attributes_of(types, grouped ? 3 : 1);
    if (!types.is_raw()) {
        post_ops after;
        after.append_eltwise(algorithm::eltwise_relu, 0, 0);
        attributes.set_post_ops(after);
    }
    memory::dims strides{c.stride, c.stride}, none{0, 0}, padding{c.padding, c.padding};
    auto plan = types.is_raw() ? convolution_forward::primitive_desc(cpu, prop_kind::forward_inference, algorithm::convolution_direct,
                                                                     input, any, output, strides, none, padding, padding, attributes)
                               : convolution_forward::primitive_desc(cpu, prop_kind::forward_inference, algorithm::convolution_direct,
                                                                     input, any, bias, output, strides, none, padding, padding, attributes);
    memory activations = filled(input), weights = filled(plain, types.pair_safe), result = filled(output);
    Arguments arguments{{DNNL_ARG_SRC, activations}, {DNNL_ARG_WEIGHTS, packed(weights, plan.weights_desc())}, {DNNL_ARG_DST, result}};
    if (types.is_float()) {
        arguments[DNNL_ARG_BIAS] = filled(bias);
    } else if (!types.is_raw()) {
        add_requantization(arguments, bias, c.O);
    }
    convolution_forward primitive(plan);
    Case ready{types, 2 * c.products(), [=] { primitive.execute(queue, arguments), queue.wait(); }, plan.impl_info_str()};
    if (types.is_raw()) {
        ready.call();
        ready.note += check_sums(result, [&](long at) { return convolved(c, activations, weights, at); });
    } else if (!types.is_float()) {
        std::string raw = conv_case(types.raw(), c).note;
        size_t wrong = raw.find(';');
        if (wrong != std::string::npos) ready.note += raw.substr(wrong);
    }
    return ready;
}

int main(int count, char **arguments) {
    std::string op = count > 1 ? arguments[1] : "", last, name;
    if (op == "version") {
        printf("%d.%d.%d\n", version()->major, version()->minor, version()->patch);
        return 0;
    }
    if (count < 3 || (op != "gemm" && op != "conv")) {
        fprintf(stderr, "usage: onednn_bench gemm|conv TYPES… <SHAPES\n");
        return 2;
    }
    std::vector<Types> wanted;
    for (int i = 2; i < count; i++) wanted.push_back(types_of(arguments[i]));
    std::vector<Case> ready;
    for (std::string line; std::getline(std::cin, line);) {
        if (line != last) {
            ready.clear();
            std::istringstream words(line);
            words >> name;
            try {
                long M, K, N;
                Convolution c;
                op == "gemm" ? words >> M >> K >> N : words >> c.H >> c.C >> c.O >> c.R >> c.stride >> c.padding >> c.groups;
                for (auto &types : wanted) ready.push_back(op == "gemm" ? gemm_case(types, M, K, N) : conv_case(types, c));
            } catch (error &failure) {
                fprintf(stderr, "%s: %s\n", name.c_str(), failure.what());
            }
            last = line;
        }
        for (auto &one : ready) {
            Rate rate = measure(one.operations, one.call);
            printf("onednn%s,%s,%s,%s,yes,%.3f,%.3f,%.3f,%zu,%s\n", one.types.is_float() ? "-f32" : "", op == "gemm" ? "matmul" : "conv",
                   name.c_str(), one.types.name.c_str(), rate.median, rate.max, rate.min, rate.samples, one.note.c_str());
        }
        printf("\n");
        fflush(stdout);
    }
}
