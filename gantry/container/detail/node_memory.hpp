// SPDX-License-Identifier: MIT
#pragma once
//
// node_memory<Node>: memory for nodes of lock-free structures. Each thread keeps some of what it frees for what it
// makes next: reclamation frees in batches, which malloc handles many times slower than one by one.
//
// A thread keeps at most tuning::node_memory_bytes for each size of node, and gives them back when it ends. Under the
// sanitizers and in models it keeps nothing, so that a use after free is seen.

#include <gantry/base/assert.hpp>
#include <gantry/base/tuning.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace gantry::container::detail {

inline constexpr std::size_t node_memory_step = 16;

// The blocks of one size that a thread keeps.
template<std::size_t Bytes>
class kept_blocks {
public:
    static constexpr std::size_t blocks_max = GANTRY_DEBUG_CHECKS ? 0 : tuning::node_memory_bytes / Bytes;

    [[nodiscard]] static void* take() {
        kept& mine = of_thread;
        if (mine.first == nullptr) [[unlikely]]
            return ::operator new(Bytes);
        --mine.count;
        return std::exchange(mine.first, mine.first->next);
    }

    static void give(void* memory) noexcept {
        kept& mine = of_thread;
        if (mine.count >= mine.count_max) [[unlikely]] {
            if (blocks_max == 0 || mine.ended || mine.count_max != 0) {
                ::operator delete(memory, Bytes);
                return;
            }
            mine.count_max = blocks_max;
            give_back_at_end();
        }
        ++mine.count;
        mine.first = ::new (memory) block{mine.first};
    }

private:
    struct block {
        block* next;
    };
    struct kept {
        block* first = nullptr;
        std::size_t count = 0;
        std::size_t count_max = 0; // blocks_max between the thread's first use and its end
        bool ended = false;
    };

    // Destructors of other thread_locals may come later: of_thread itself has none.
    static void give_back_at_end() noexcept {
        struct at_end {
            at_end() = default;
            at_end(const at_end&) = delete;
            at_end& operator=(const at_end&) = delete;
            ~at_end() {
                kept& mine = of_thread;
                mine.ended = true;
                mine.count = mine.count_max = 0;
                while (mine.first != nullptr)
                    ::operator delete(std::exchange(mine.first, mine.first->next), Bytes);
            }
        };
        static thread_local const at_end hook;
        static_cast<void>(&hook);
    }

    static constinit inline thread_local kept of_thread{};
};

template<class Node>
struct node_memory {
    static constexpr std::size_t bytes = (sizeof(Node) + node_memory_step - 1) / node_memory_step * node_memory_step;
    static constexpr bool kept =
        alignof(Node) <= node_memory_step && node_memory_step <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    template<class... Args>
    [[nodiscard]] static Node* make(Args&&... args) {
        if constexpr (kept) {
            void* const memory = kept_blocks<bytes>::take();
            try {
                return ::new (memory) Node(std::forward<Args>(args)...);
            } catch (...) {
                kept_blocks<bytes>::give(memory);
                throw;
            }
        } else {
            return new Node(std::forward<Args>(args)...);
        }
    }

    // Also as a deleter.
    static void destroy(Node* node) noexcept {
        if constexpr (kept) {
            std::destroy_at(node);
            kept_blocks<bytes>::give(node);
        } else {
            delete node;
        }
    }
    void operator()(Node* node) const noexcept { destroy(node); }
};

} // namespace gantry::container::detail
