// SPDX-License-Identifier: MIT
// Thread-specific values, of POSIX and of C11.
#include <gantry/check/runtime/detail/hooks.hpp>
#include <gantry/check/runtime/detail/keys.hpp>

#include <sys/auxv.h>

#include <dlfcn.h>
#include <threads.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

namespace gantry::check::runtime {
namespace {

struct key {
    pthread_key_t number;
    void (*destroy)(void*);
};

// Numbers of a model's keys begin where the C library's end.
constexpr pthread_key_t first_number = PTHREAD_KEYS_MAX;
constexpr unsigned keys_per_thread = PTHREAD_KEYS_MAX;

std::vector<key>& lasting_keys() {
    static std::vector<key> keys;
    return keys;
}

std::vector<key>& keys_of_execution() {
    static std::vector<key> keys;
    return keys;
}

const key* find(pthread_key_t number) {
    for (const auto* keys : {&keys_of_execution(), &lasting_keys()}) {
        if (const auto k = std::ranges::find(*keys, number, &key::number); k != keys->end()) {
            return &*k;
        }
    }
    return nullptr;
}

// Whether the call comes from the executable, whose memory is put back between executions.
bool from_executable(const void* site) {
    Dl_info executable{};
    Dl_info caller{};
    return dladdr(reinterpret_cast<const void*>(getauxval(AT_ENTRY)), &executable) != 0 && dladdr(site, &caller) != 0 &&
           caller.dli_fbase == executable.dli_fbase;
}

int make_lasting(pthread_key_t* number, void (*destroy)(void*)) {
    static const auto host = next<decltype(&pthread_key_create)>("pthread_key_create");
    const int error = host(number, destroy);
    if (error == 0) {
        lasting_keys().push_back({*number, destroy});
    }
    return error;
}

int forget_lasting(pthread_key_t number) {
    static const auto host = next<decltype(&pthread_key_delete)>("pthread_key_delete");
    std::erase_if(lasting_keys(), [&](const key& k) { return k.number == number; });
    return host(number);
}

int make_key(modelled_thread& t, pthread_key_t* number, void (*destroy)(void*), const void* site) {
    if (!from_executable(site)) {
        return make_lasting(number, destroy);
    }
    if (t.keys == keys_per_thread) {
        return EAGAIN;
    }
    *number = first_number + t.id * keys_per_thread + t.keys++;
    keys_of_execution().push_back({*number, destroy});
    return 0;
}

int forget_key(pthread_key_t number) {
    if (find(number) == nullptr) {
        return EINVAL;
    }
    return number < first_number ? forget_lasting(number)
                                 : (std::erase_if(
                                        keys_of_execution(), [&](const key& k) { return k.number == number; }) == 1
                                        ? 0
                                        : EINVAL);
}

void* value_of(const modelled_thread& t, pthread_key_t number) {
    const auto v = std::ranges::find(t.values, number, &key_value::key);
    return v != t.values.end() && find(number) != nullptr ? v->value : nullptr;
}

int set_value(modelled_thread& t, pthread_key_t number, const void* value) {
    if (find(number) == nullptr) {
        return EINVAL;
    }
    const auto v = std::ranges::find(t.values, number, &key_value::key);
    if (v != t.values.end()) {
        v->value = const_cast<void*>(value);
    } else {
        t.values.push_back({number, const_cast<void*>(value)});
    }
    return 0;
}

} // namespace

void clear_keys() noexcept {
    keys_of_execution().clear();
}

// A destructor may give the key a value again; how often that is honoured is limited, as in the C library.
void end_values(modelled_thread& t) {
    if (t.id == 0) {
        return; // the first thread leaves the process
    }
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; ++round) {
        for (std::size_t i = 0; i < t.values.size(); ++i) {
            const key_value v = t.values[i];
            const key* const k = find(v.key);
            if (v.value != nullptr && k != nullptr && k->destroy != nullptr) {
                t.values[i].value = nullptr;
                running = &t;
                k->destroy(v.value);
                running = nullptr;
            }
        }
    }
}

} // namespace gantry::check::runtime

namespace rt = gantry::check::runtime;

#pragma GCC visibility push(default)

extern "C" {

int pthread_key_create(pthread_key_t* key, void (*destroy)(void*)) noexcept {
    if (rt::running == nullptr) {
        return rt::make_lasting(key, destroy);
    }
    rt::entry in;
    return rt::make_key(in.thread(), key, destroy, GANTRY_SITE);
}

int pthread_key_delete(pthread_key_t key) noexcept {
    if (rt::running == nullptr) {
        return rt::forget_lasting(key);
    }
    rt::entry in;
    return rt::forget_key(key);
}

void* pthread_getspecific(pthread_key_t key) noexcept {
    GANTRY_HOST(pthread_getspecific, key);
    return rt::value_of(self, key);
}

int pthread_setspecific(pthread_key_t key, const void* value) noexcept {
    GANTRY_HOST(pthread_setspecific, key, value);
    return rt::set_value(self, key, value);
}

int tss_create(tss_t* key, tss_dtor_t destroy) {
    if (rt::running == nullptr) {
        return rt::make_lasting(key, destroy) == 0 ? thrd_success : thrd_error;
    }
    rt::entry in;
    return rt::make_key(in.thread(), key, destroy, GANTRY_SITE) == 0 ? thrd_success : thrd_error;
}

void tss_delete(tss_t key) {
    if (rt::running == nullptr) {
        rt::forget_lasting(key);
        return;
    }
    rt::entry in;
    rt::forget_key(key);
}

void* tss_get(tss_t key) {
    GANTRY_HOST(tss_get, key);
    return rt::value_of(self, key);
}

int tss_set(tss_t key, void* value) {
    GANTRY_HOST(tss_set, key, value);
    return rt::set_value(self, key, value) == 0 ? thrd_success : thrd_error;
}

} // extern "C"

#pragma GCC visibility pop
