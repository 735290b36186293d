// SPDX-License-Identifier: MIT
//
// Ordering ledger
//   recycle : shared_block::drop, fetch_sub (release)  ->  the last drop, fetch_sub (acquire)
//             carries: every reader is done before the block is filled again
// Relaxed used as: owner | stats
#include <apps/telem/core/event.hpp>

namespace telem {

template<class Entry>
shared_block<Entry> block_pool<Entry>::take() {
    block<Entry>* taken = nullptr;
    {
        const std::lock_guard lock(m_);
        if (free_.empty()) {
            // Room on the free list for every block, so that giving back never allocates.
            free_.reserve(all_.size() + 1);
            all_.push_back(std::unique_ptr<block<Entry>>(new block<Entry>));
            all_.back()->pool_ = this;
            free_.push_back(all_.back().get());
            made_.store(all_.size(), std::memory_order_relaxed); // relaxed: stats
        }
        taken = free_.back();
        free_.pop_back();
    }
    taken->size_ = 0;
    taken->readers_.store(1, std::memory_order_relaxed); // relaxed: owner
    return shared_block<Entry>(taken);
}

template<class Entry>
void block_pool<Entry>::give_back(block<Entry>* done) noexcept {
    const std::lock_guard lock(m_);
    free_.push_back(done);
}

template class block_pool<metric>;
template class block_pool<row>;

} // namespace telem
