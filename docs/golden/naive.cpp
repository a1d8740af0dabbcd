// Naive C++ in single precision as a backend: linear maps, layer normalization, softmax, activations, attention.
//
//     g++ -std=c++17 -O2 -o naive naive.cpp && ./naive BUNDLE OUT
//
// Writes an answer for every case that it knows to the folder OUT, and prints what it thinks of it.

#include <cstdio>

#include "mmt_golden.hpp"

using mmt::Array;
using mmt::Arrays;
using mmt::Case;

static float f(double x) { return static_cast<float>(x); }

// c[n, m] = a[n, k] b[k, m], with strides (row, column) of each factor.
static Array product(size_t n, size_t k, size_t m, const double* a, size_t ar, size_t ac, const double* b, size_t br, size_t bc) {
    Array c({n, m});
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < m; ++j) {
            float sum = 0;
            for (size_t t = 0; t < k; ++t) sum += f(a[i * ar + t * ac]) * f(b[t * br + j * bc]);
            c.data[i * m + j] = sum;
        }
    return c;
}

static Arrays linear(const Case& c) {
    const Array &x = c.at("in/x"), &w = c.at("param/weight"), &dy = c.at("cot/y");
    size_t n = x.rows(), k = w.shape[0], m = w.shape[1];
    Array y = product(n, k, m, &x.data[0], k, 1, &w.data[0], m, 1);
    Array dx = product(n, m, k, &dy.data[0], m, 1, &w.data[0], 1, m);
    Array dw = product(k, n, m, &x.data[0], 1, k, &dy.data[0], m, 1);
    y.shape = dy.shape;
    dx.shape = x.shape;
    Arrays out{{"grad_in/x", dx}, {"grad_param/weight", dw}};
    if (c.has("param/bias")) {
        Array db({m});
        for (size_t j = 0; j < m; ++j) {
            float sum = 0;
            for (size_t i = 0; i < n; ++i) sum += f(dy.data[i * m + j]);
            db.data[j] = sum;
        }
        for (size_t i = 0; i < y.size(); ++i) y.data[i] = f(y.data[i]) + f(c.at("param/bias").data[i % m]);
        out["grad_param/bias"] = db;
    }
    out["out/y"] = y;
    return out;
}

static Arrays layer_norm(const Case& c) {
    const Array &x = c.at("in/x"), &dy = c.at("cot/y");
    size_t d = x.width();
    bool affine = c.has("param/gamma");
    Array y(x.shape), dx(x.shape), dgamma({d}), dbeta({d});
    for (size_t i = 0; i < x.rows(); ++i) {
        const double *row = &x.data[i * d], *g = &dy.data[i * d];
        float mean = 0, var = 0, a = 0, b = 0;
        for (size_t j = 0; j < d; ++j) mean += f(row[j]);
        mean /= f(d);
        for (size_t j = 0; j < d; ++j) var += (f(row[j]) - mean) * (f(row[j]) - mean);
        float rstd = 1 / std::sqrt(var / f(d) + f(c.number("eps", 1e-5)));
        auto hat = [&](size_t j) { return (f(row[j]) - mean) * rstd; };
        auto gamma = [&](size_t j) { return affine ? f(c.at("param/gamma").data[j]) : 1.0f; };
        for (size_t j = 0; j < d; ++j) {
            a += f(g[j]) * gamma(j);
            b += f(g[j]) * gamma(j) * hat(j);
        }
        for (size_t j = 0; j < d; ++j) {
            y.data[i * d + j] = hat(j) * gamma(j) + (affine ? f(c.at("param/beta").data[j]) : 0);
            dx.data[i * d + j] = rstd * (f(g[j]) * gamma(j) - a / f(d) - hat(j) * b / f(d));
            dgamma.data[j] = f(dgamma.data[j]) + f(g[j]) * hat(j);
            dbeta.data[j] = f(dbeta.data[j]) + f(g[j]);
        }
    }
    Arrays out{{"out/y", y}, {"grad_in/x", dx}};
    if (affine) out.insert({{"grad_param/gamma", dgamma}, {"grad_param/beta", dbeta}});
    return out;
}

// Softmax of a row of n numbers, of which only some count; zero if none does.
template <class Keep> static void softmax_row(size_t n, const double* z, double* p, Keep keep) {
    float top = -INFINITY, sum = 0;
    for (size_t j = 0; j < n; ++j)
        if (keep(j)) top = std::max(top, f(z[j]));
    for (size_t j = 0; j < n; ++j) sum += f(p[j] = keep(j) ? std::exp(f(z[j]) - top) : 0.0f);
    for (size_t j = 0; j < n && sum > 0; ++j) p[j] = f(p[j]) / sum;
}

// dz = p (dp - sum of p dp)
static void softmax_row_backward(size_t n, const double* p, const double* dp, double* dz) {
    float sum = 0;
    for (size_t j = 0; j < n; ++j) sum += f(p[j]) * f(dp[j]);
    for (size_t j = 0; j < n; ++j) dz[j] = f(p[j]) * (f(dp[j]) - sum);
}

static Arrays softmax(const Case& c) {
    const Array &x = c.at("in/x"), &dp = c.at("cot/p");
    size_t n = x.width();
    Array p(x.shape), dx(x.shape);
    for (size_t i = 0; i < x.rows(); ++i) {
        softmax_row(n, &x.data[i * n], &p.data[i * n], [&](size_t j) { return !c.has("in/mask") || c.at("in/mask").data[i * n + j]; });
        softmax_row_backward(n, &p.data[i * n], &dp.data[i * n], &dx.data[i * n]);
    }
    return {{"out/p", p}, {"grad_in/x", dx}};
}

static Arrays relu(const Case& c) {
    const Array &z = c.at("in/z"), &dy = c.at("cot/y");
    Array y(z.shape), dz(z.shape);
    for (size_t i = 0; i < z.size(); ++i) {
        y.data[i] = std::max(z.data[i], 0.0);
        dz.data[i] = z.data[i] > 0 ? dy.data[i] : 0;
    }
    return {{"out/y", y}, {"grad_in/z", dz}};
}

static Arrays sdpa(const Case& c) {
    const Array &q = c.at("in/q"), &k = c.at("in/k"), &v = c.at("in/v"), &dout = c.at("cot/o");
    size_t heads = q.shape[1], n = q.shape[2], m = k.shape[2], d = q.shape[3], w = v.shape[3];
    float scale = 1 / std::sqrt(f(d));
    std::string mask = c.word("mask");
    Array out(dout.shape), dq(q.shape), dk(k.shape), dv(v.shape);
    for (size_t h = 0; h < q.shape[0] * heads; ++h) {
        const double *Q = &q.data[h * n * d], *K = &k.data[h * m * d], *V = &v.data[h * m * w], *G = &dout.data[h * n * w];
        std::vector<double> seen_k(K, K + m * d), seen_v(V, V + m * w);  // what no query sees may hold anything
        auto keep = [&](size_t i, size_t j) {
            bool key = !c.has("in/key_mask") || c.at("in/key_mask").data[h / heads * m + j];
            bool past = mask.find("causal") == std::string::npos || double(j) <= double(i) + c.number("causal_offset", 0);
            return key && past && (!c.has("in/bias") || c.at("in/bias").data[i * m + j] > -INFINITY);
        };
        Array s = product(n, d, m, Q, d, 1, K, 1, d), p({n, m}), dp = product(n, w, m, G, w, 1, V, 1, w), ds({n, m});
        for (size_t i = 0; i < n; ++i) {
            for (size_t j = 0; j < m; ++j) {
                s.data[i * m + j] = scale * f(s.data[i * m + j]) + (c.has("in/bias") ? f(c.at("in/bias").data[i * m + j]) : 0);
            }
            softmax_row(m, &s.data[i * m], &p.data[i * m], [&](size_t j) { return keep(i, j); });
            for (size_t j = 0; j < m; ++j) dp.data[i * m + j] = keep(i, j) ? scale * f(dp.data[i * m + j]) : 0;
            softmax_row_backward(m, &p.data[i * m], &dp.data[i * m], &ds.data[i * m]);
        }
        for (size_t j = 0; j < m; ++j) {
            bool seen = false;
            for (size_t i = 0; i < n; ++i) seen = seen || keep(i, j);
            if (seen) continue;
            std::fill_n(&seen_k[j * d], d, 0);
            std::fill_n(&seen_v[j * w], w, 0);
        }
        Array o = product(n, m, w, &p.data[0], m, 1, seen_v.data(), w, 1), gv = product(m, n, w, &p.data[0], 1, m, G, w, 1);
        Array gq = product(n, m, d, &ds.data[0], m, 1, seen_k.data(), d, 1), gk = product(m, n, d, &ds.data[0], 1, m, Q, d, 1);
        std::copy(o.data.begin(), o.data.end(), &out.data[h * n * w]);
        std::copy(gv.data.begin(), gv.data.end(), &dv.data[h * m * w]);
        std::copy(gq.data.begin(), gq.data.end(), &dq.data[h * n * d]);
        std::copy(gk.data.begin(), gk.data.end(), &dk.data[h * m * d]);
    }
    return {{"out/o", out}, {"grad_in/q", dq}, {"grad_in/k", dk}, {"grad_in/v", dv}};
}

int main(int count, char** words) {
    if (count < 3) return std::fprintf(stderr, "usage: naive BUNDLE OUT\n"), 2;
    int passed = 0, failed = 0, skipped = 0;
    try {
        mmt::Bundle bundle(words[1]);
        for (const mmt::Json& entry : bundle.entries()) {
            Case c = bundle.load(entry, "f32");
            Arrays answer = c.op == "linear"       ? linear(c)
                            : c.op == "layer_norm" ? layer_norm(c)
                            : c.op == "softmax"    ? softmax(c)
                            : c.op == "sdpa"       ? sdpa(c)
                            : c.op == "activation" && c.word("kind") == "relu" ? relu(c) : Arrays{};
            if (answer.empty() && ++skipped) continue;
            mmt::write(std::string(words[2]) + "/" + c.id + ".safetensors", answer);
            mmt::Result r = c.compare(answer);
            ++(r.ok() ? passed : failed);
            if (!r.ok())
                std::printf("FAIL %s  score %.3g  %s [%zu] got %.9g want %.9g\n", c.id.c_str(), r.score, r.worst.c_str(), r.index, r.got, r.want);
        }
    } catch (const std::exception& e) {
        return std::fprintf(stderr, "%s\n", e.what()), 3;
    }
    std::printf("naive C++ f32: %d passed, %d failed, %d not supported\n", passed, failed, skipped);
    return failed > 0;
}
