// SPDX-License-Identifier: MIT
#pragma once
//
// keeping: a scheme that frees what was retired when its domain goes, and protects nothing before.
//
// Use it when a model explores a container's own orders. Do not use it when memory matters.
//
// Threads: as reclaim/scheme.hpp has it. Progress: n/a. Ordering: protect() acquires. Cost: n/a. Failure: n/a.
// Lifetime: the domain's. Origin: n/a.
//
// Ordering ledger
//   source : the structure's release of the pointer  ->  protect and try_protect, source load (acquire)
//            carries: the object   other side: gantry/container/queue.hpp
// Relaxed used as: pre-publish (the list of what was retired, which is read when all threads are joined)

#include <gantry/reclaim/scheme.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace gantry::container::test {

struct keeping {
    class domain final : public reclaim::domain {
    public:
        domain() : reclaim::domain({}) {}
        domain(const domain&) = delete;
        domain& operator=(const domain&) = delete;
        ~domain() {
            const note* each = kept_.load(std::memory_order_relaxed); // relaxed: pre-publish
            while (each != nullptr) {
                each->free(each->object);
                delete std::exchange(each, each->next);
            }
        }

    private:
        friend keeping;
        struct note {
            void* object;
            void (*free)(void*);
            const note* next = nullptr;
        };
        void keep(note* added) {
            added->next = kept_.load(std::memory_order_relaxed); // relaxed: pre-publish
            // relaxed: pre-publish
            while (!kept_.compare_exchange_weak(added->next, added, std::memory_order_relaxed,
                                                std::memory_order_relaxed)) {
            }
        }
        [[nodiscard]] reclaim::detail::record* make_record() override { return nullptr; }
        [[nodiscard]] std::size_t take_unprotected(reclaim::detail::record&, reclaim::detail::heap*) noexcept override {
            return 0;
        }
        std::atomic<const note*> kept_{nullptr};
    };

    [[nodiscard]] static domain& default_domain() {
        static domain kept;
        return kept;
    }

    class section {
    public:
        explicit section(domain& in) : in_(in) {}
        template<class T>
        void retire(T* object) {
            in_.keep(new domain::note{object, [](void* p) {
                                          delete static_cast<T*>(p);
                                      }});
        }
        template<class T, class Free>
        void retire(T* object, Free, std::size_t) {
            in_.keep(new domain::note{object, [](void* p) {
                                          Free()(static_cast<T*>(p));
                                      }});
        }

    private:
        domain& in_;
    };

    class guard {
    public:
        explicit guard(section&) {}
        template<class T>
        [[nodiscard]] T* protect(const std::atomic<T*>& source) {
            return source.load(std::memory_order_acquire); // order: source.r
        }
        template<class T>
        [[nodiscard]] bool try_protect(T*& expected, const std::atomic<T*>& source) {
            T* const now = source.load(std::memory_order_acquire); // order: source.r
            return std::exchange(expected, now) == now;
        }
        void reset() {}
    };

    template<class T>
    struct object {};
};

} // namespace gantry::container::test
