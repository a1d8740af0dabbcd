// Golden cases of mmt for C++17: reads and writes safetensors files, reads the manifest, compares. No dependency.
//
//     auto bundle = mmt::Bundle("golden-core");
//     for (const mmt::Json& entry : bundle.entries()) {
//         const mmt::Case c = bundle.load(entry, "f32");
//         const mmt::Array& x = c.at("in/x");                     // x.shape, x.data (double)
//         double eps = c.number("eps", 1e-5);                     // a setting by name
//         mmt::Arrays answer{{"out/y", y}};
//         mmt::Result r = c.compare(answer);                      // r.score <= 1: right
//         mmt::write("got/" + c.id + ".safetensors", answer);
//     }
//
// The manifest and every file are held against their SHA-256. Everything that can go wrong with a file throws
// std::runtime_error with one line.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmt {

// --- JSON -----------------------------------------------------------------------------------------------------------

// A value of JSON: enough for manifests and headers.
struct Json {
    enum Kind { Null, Bool, Number, Text, List, Object } kind = Null;
    bool flag = false;
    double number = 0;
    std::string text;
    std::vector<Json> list;
    std::vector<std::pair<std::string, Json>> members;

    const Json& operator[](const std::string& name) const {
        static const Json none;
        for (const auto& m : members)
            if (m.first == name) return m.second;
        return none;
    }
    explicit operator bool() const { return kind != Null; }
};

class Parser {
  public:
    explicit Parser(const std::string& s) : at_(s.data()), end_(s.data() + s.size()), start_(s.data()) {}

    Json parse() {
        Json value = read(0);
        space();
        if (at_ != end_) fail("text after the value");
        return value;
    }

  private:
    const char *at_, *end_, *start_;

    [[noreturn]] void fail(const char* why) const {
        throw std::runtime_error("JSON: byte " + std::to_string(at_ - start_) + ": " + why);
    }
    void space() {
        while (at_ != end_ && std::strchr(" \t\r\n", *at_) && *at_) ++at_;
    }
    bool take(char c) {
        space();
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }
    bool word(const char* w) {
        size_t n = std::strlen(w);
        if (size_t(end_ - at_) < n || std::strncmp(at_, w, n) != 0) return false;
        at_ += n;
        return true;
    }
    Json read(int depth) {
        if (depth > 64) fail("too deep");
        space();
        if (at_ == end_) fail("the text ends");
        Json v;
        if (take('{')) {
            v.kind = Json::Object;
            if (take('}')) return v;
            do {
                space();
                std::string name = string();
                if (!take(':')) fail("a colon is missing");
                v.members.emplace_back(std::move(name), read(depth + 1));
            } while (take(','));
            if (!take('}')) fail("a brace is missing");
        } else if (take('[')) {
            v.kind = Json::List;
            if (take(']')) return v;
            do v.list.push_back(read(depth + 1));
            while (take(','));
            if (!take(']')) fail("a bracket is missing");
        } else if (*at_ == '"') {
            v.kind = Json::Text;
            v.text = string();
        } else if (word("true")) {
            v.kind = Json::Bool;
            v.flag = true;
        } else if (word("false")) {
            v.kind = Json::Bool;
        } else if (!word("null")) {
            std::string digits;
            while (at_ != end_ && *at_ && std::strchr("+-.0123456789eE", *at_)) digits += *at_++;
            char* stop = nullptr;
            v.kind = Json::Number;
            v.number = std::strtod(digits.c_str(), &stop);
            if (digits.empty() || *stop) fail("not a value");
        }
        return v;
    }
    std::string string() {
        if (at_ == end_ || *at_ != '"') fail("a quote is missing");
        std::string s;
        for (++at_; at_ != end_ && *at_ != '"'; ++at_) {
            if (*at_ != '\\') {
                s += *at_;
                continue;
            }
            if (++at_ == end_) fail("the text ends");
            const char *from = "nrtbf", *to = "\n\r\t\b\f", *f = std::strchr(from, *at_);
            if (*at_ == 'u') {
                if (end_ - at_ < 5) fail("the text ends");
                s += '?';
                at_ += 4;
            } else {
                s += f && *f ? to[f - from] : *at_;
            }
        }
        if (at_ == end_) fail("a quote is missing");
        ++at_;
        return s;
    }
};

// --- files ----------------------------------------------------------------------------------------------------------

// Numbers in row-major order; ids and masks are numbers too.
struct Array {
    std::vector<size_t> shape;
    std::vector<double> data;

    Array() = default;
    explicit Array(std::vector<size_t> s) : shape(std::move(s)), data(count(shape)) {}
    size_t size() const { return data.size(); }
    size_t width() const { return shape.empty() ? 1 : shape.back(); }
    size_t rows() const { return width() ? size() / width() : 0; }

    static size_t count(const std::vector<size_t>& shape) {
        size_t n = 1;
        for (size_t s : shape) {
            if (s && n > std::numeric_limits<size_t>::max() / 16 / s) throw std::runtime_error("a shape too large");
            n *= s;
        }
        return n;
    }
};
using Arrays = std::map<std::string, Array>;

inline std::string slurp(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline double half(uint16_t h) {
    int e = (h >> 10) & 31;
    double m = h & 1023, sign = h >> 15 ? -1 : 1;
    if (e == 31) return m ? std::nan("") : sign * INFINITY;
    return sign * (e ? std::ldexp(1 + m / 1024, e - 15) : std::ldexp(m, -24));
}

template <class T> T load(const char* p) {
    T x;
    std::memcpy(&x, p, sizeof x);  // little-endian machines
    return x;
}

inline double element(const std::string& type, const char* p) {
    if (type == "F64") return load<double>(p);
    if (type == "F32") return load<float>(p);
    if (type == "F16") return half(load<uint16_t>(p));
    if (type == "I64") return double(load<int64_t>(p));
    if (type == "BOOL") return *p != 0;
    uint32_t bits = uint32_t(load<uint16_t>(p)) << 16;  // BF16
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
}

inline size_t bytes_of(const std::string& type) {
    static const std::map<std::string, size_t> sizes{{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"BOOL", 1}};
    auto found = sizes.find(type);
    if (found == sizes.end()) throw std::runtime_error("type " + type);
    return found->second;
}

// SHA-256 (FIPS 180-4), as manifests write it: "sha256:" and 64 digits.
inline std::string sha256(const std::string& text) {
    // The fractional parts of the cube roots of the first 64 primes, and of the square roots of the first 8.
    static const std::vector<uint32_t> roots = [] {
        std::vector<uint32_t> found;
        auto bits = [](double root) { return uint32_t(uint64_t(std::floor(std::ldexp(root, 32)))); };
        std::vector<int> primes;
        for (int n = 2; primes.size() < 64; ++n)
            if (std::none_of(primes.begin(), primes.end(), [n](int p) { return n % p == 0; })) primes.push_back(n);
        for (int p : primes) found.push_back(bits(std::cbrt(double(p))));
        for (int k = 0; k < 8; ++k) found.push_back(bits(std::sqrt(double(primes[size_t(k)]))));
        return found;
    }();
    std::vector<uint32_t> h(roots.begin() + 64, roots.end());
    std::string data = text + '\x80';
    data.append((120 - data.size() % 64) % 64, '\0');
    for (int k = 7; k >= 0; --k) data += char(uint64_t(text.size()) * 8 >> (8 * k));
    auto turn = [](uint32_t x, int n) { return x >> n | x << (32 - n); };
    for (size_t at = 0; at < data.size(); at += 64) {
        uint32_t w[64], v[8];
        for (size_t i = 0; i < 16; ++i) {
            w[i] = 0;
            for (size_t k = 0; k < 4; ++k) w[i] = w[i] << 8 | uint8_t(data[at + 4 * i + k]);
        }
        for (size_t i = 16; i < 64; ++i) {
            uint32_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
        }
        std::copy(h.begin(), h.end(), v);
        for (size_t i = 0; i < 64; ++i) {
            uint32_t a = v[0], e = v[4];
            uint32_t one = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + roots[i] + w[i];
            uint32_t two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
            std::copy_backward(v, v + 7, v + 8);
            v[4] += one;
            v[0] = one + two;
        }
        for (size_t i = 0; i < 8; ++i) h[i] += v[i];
    }
    std::string digits = "sha256:";
    for (uint32_t x : h)
        for (int k = 28; k >= 0; k -= 4) digits += "0123456789abcdef"[x >> k & 15];
    return digits;
}

// The arrays of a safetensors file, which has this hash if one is given.
inline Arrays read(const std::string& path, const std::string& hash = "") {
    std::string file = slurp(path);
    auto fail = [&](const std::string& why) { throw std::runtime_error(path + ": " + why); };
    if (!hash.empty() && sha256(file) != hash) fail("expected the hash " + hash + " of the manifest, got " + sha256(file));
    if (file.size() < 8) fail("too short for a header");
    uint64_t length = load<uint64_t>(file.data());
    if (length > file.size() - 8) fail("a header longer than the file");
    Json header = Parser(file.substr(8, length)).parse();
    const char* body = file.data() + 8 + length;
    size_t rest = file.size() - 8 - length;
    Arrays arrays;
    for (const auto& m : header.members) {
        if (m.first == "__metadata__") continue;
        const Json &info = m.second, &offsets = info["data_offsets"];
        if (offsets.list.size() != 2) fail(m.first + " has no place");
        std::vector<size_t> shape;
        for (const Json& s : info["shape"].list) {
            if (!(s.number >= 0 && s.number < 9e15)) fail("the shape of " + m.first + " is none");
            shape.push_back(size_t(s.number));
        }
        double from = offsets.list[0].number, to = offsets.list[1].number;
        size_t each = bytes_of(info["dtype"].text), n = Array::count(shape);
        if (!(0 <= from && from <= to && to <= double(rest))) fail(m.first + " lies outside the file");
        if (double(n) * double(each) != to - from) fail("the shape of " + m.first + " is not that of its bytes");
        Array a(shape);
        for (size_t i = 0; i < n; ++i) a.data[i] = element(info["dtype"].text, body + size_t(from) + i * each);
        arrays.emplace(m.first, std::move(a));
    }
    return arrays;
}

// Writes an answer, short keys, in single precision or (wide) double; to another name first.
inline void write(const std::string& path, const Arrays& arrays, bool wide = false) {
    std::ostringstream header, body;
    header << '{';
    size_t at = 0, each = wide ? 8 : 4;
    for (const auto& m : arrays) {
        header << (at || header.tellp() > 1 ? "," : "") << "\"main/" << m.first << "\":{\"dtype\":\"" << (wide ? "F64" : "F32")
               << "\",\"shape\":[";
        for (size_t k = 0; k < m.second.shape.size(); ++k) header << (k ? "," : "") << m.second.shape[k];
        header << "],\"data_offsets\":[" << at << ',' << at + each * m.second.size() << "]}";
        at += each * m.second.size();
        for (double x : m.second.data) {
            float f = float(x);
            body.write(wide ? reinterpret_cast<const char*>(&x) : reinterpret_cast<const char*>(&f), std::streamsize(each));
        }
    }
    header << '}';
    std::string text = header.str();
    text.append((8 - text.size() % 8) % 8, ' ');
    uint64_t length = text.size();
    std::string part = path + ".part";
    std::ofstream file(part, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), 8);
    file << text << body.str();
    file.close();
    if (!file || std::rename(part.c_str(), path.c_str()) != 0) throw std::runtime_error(path + ": cannot be written");
}

// --- cases ----------------------------------------------------------------------------------------------------------

struct Result {
    double score = 0;      // in units of tolerance: at most 1 is right
    std::string worst;     // the tensor with the highest score
    size_t index = 0;      // and where in it
    double got = 0, want = 0;
    bool ok() const { return score <= 1; }
};

struct Case {
    std::string id, op, profile;
    Json entry;
    Arrays arrays;  // short keys: in/x, param/weight, cot/y, out/y, grad_in/x, tol/f32/out/y

    bool has(const std::string& key) const { return arrays.count(key) > 0; }
    const Array& at(const std::string& key) const {
        auto found = arrays.find(key);
        if (found == arrays.end()) throw std::runtime_error(id + ": no " + key);
        return found->second;
    }
    double number(const std::string& name, double otherwise) const {
        const Json& v = entry["config"][name];
        return v.kind == Json::Number ? v.number : otherwise;
    }
    std::string word(const std::string& name) const { return entry["config"][name].text; }

    // The tolerance of element i of a tensor; one number for a row is repeated.
    double tolerance(const std::string& key, size_t i) const {
        const Array &tol = at("tol/" + profile + "/" + key), &want = at(key);
        return tol.data[tol.size() == want.size() ? i : i / std::max<size_t>(1, want.size() / std::max<size_t>(1, tol.size()))];
    }
    // Outputs and gradients that an answer has to have.
    std::vector<std::string> wanted() const {
        std::vector<std::string> keys;
        for (const Json& t : entry["tensors"].list)
            if (t["required_at"].text != "never" && has("tol/" + profile + "/" + t["key"].text.substr(5)))
                keys.push_back(t["key"].text.substr(5));
        return keys;
    }
    Result compare(const Arrays& answer) const {
        Result r;
        for (const std::string& key : wanted()) {
            auto found = answer.find(key);
            if (found == answer.end() || found->second.shape != at(key).shape) return {INFINITY, key, 0, 0, 0};
            for (size_t i = 0; i < at(key).size(); ++i) {
                double x = found->second.data[i], y = at(key).data[i];
                bool same = x == y || (std::isnan(x) && std::isnan(y));
                double score = same ? 0 : std::abs(x - y) / tolerance(key, i);
                if (std::isnan(score)) score = INFINITY;
                if (score > r.score) r = {score, key, i, x, y};
            }
        }
        return r;
    }
};

class Bundle {
  public:
    explicit Bundle(std::string folder) : folder_(std::move(folder)) {
        std::string path = folder_ + "/manifest.json", text = slurp(path);
        manifest_ = Parser(text).parse();
        if (manifest_["schema"].text != "mmt-golden/1") throw std::runtime_error(folder_ + ": another schema");
        // Its digest is that of its text with zeros in place of these digits.
        const std::string& said = manifest_["digest_manifest"].text;
        for (size_t at = said.size() == 71 ? text.find(said) : std::string::npos; at != std::string::npos; at = text.find(said, at + 71))
            text.replace(at, 71, "sha256:" + std::string(64, '0'));
        if (sha256(text) != said)
            throw std::runtime_error(path + ": the digest of the manifest: expected " + said + ", got " + sha256(text));
    }
    // The entries of all cases; load() reads one.
    const std::vector<Json>& entries() const { return manifest_["cases"].list; }

    Case load(const Json& entry, const std::string& profile) const {
        std::string file = entry["file"].text;
        if (file.empty() || file[0] == '/' || file.find("..") != std::string::npos)
            throw std::runtime_error(folder_ + ": a file outside the bundle");
        Case c{entry["id"].text, entry["op"].text, profile, entry, {}};
        if (entry["sha256"].text.empty()) throw std::runtime_error(folder_ + ": " + entry["id"].text + " has no hash");
        for (auto& m : read(folder_ + "/" + file, entry["sha256"].text))
            if (m.first.rfind("main/", 0) == 0) c.arrays.emplace(m.first.substr(5), std::move(m.second));
        return c;
    }

  private:
    std::string folder_;
    Json manifest_;
};

}  // namespace mmt
