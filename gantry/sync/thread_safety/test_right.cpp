// SPDX-License-Identifier: MIT
// Right use of each lock, in which clang's -Wthread-safety must find nothing.
#include <gantry/sync/condition_variable.hpp>
#include <gantry/sync/guarded.hpp>
#include <gantry/sync/lock_guard.hpp>
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

#include <chrono>
#include <mutex>

namespace {

template<class Mutex>
class account {
public:
    int balance() const {
        const gantry::sync::lock_guard guard(mutex_);
        return balance_;
    }
    void by_hand() {
        mutex_.lock();
        balance_ = 1;
        mutex_.unlock();
    }
    bool attempt() {
        if (!mutex_.try_lock())
            return false;
        const gantry::sync::lock_guard guard(mutex_, std::adopt_lock);
        add(2);
        return true;
    }
    void waits() {
        gantry::sync::unique_lock lock(mutex_);
        while (balance_ == 0)
            changed_.wait(lock);
        balance_ = 3;
    }
    void waits_for_a_while() {
        gantry::sync::unique_lock lock(mutex_);
        static_cast<void>(changed_.wait_for(lock, std::chrono::milliseconds(1)));
        balance_ = 4;
    }
    void in_between() {
        gantry::sync::unique_lock lock(mutex_);
        balance_ = 5;
        lock.unlock();
        lock.lock();
        balance_ = 6;
    }
    void add(int amount) GANTRY_REQUIRES(mutex_) { balance_ += amount; }

private:
    mutable Mutex mutex_;
    gantry::sync::condition_variable changed_;
    int balance_ GANTRY_GUARDED_BY(mutex_) = 0;
};

template<class Mutex>
class timed_account {
public:
    bool attempt() {
        if (!mutex_.try_lock_for(std::chrono::milliseconds(1)))
            return false;
        balance_ = 1;
        mutex_.unlock();
        return true;
    }

private:
    Mutex mutex_;
    int balance_ GANTRY_GUARDED_BY(mutex_) = 0;
};

template class account<gantry::sync::mutex>;
template class account<gantry::sync::spin_mutex>;
template class account<gantry::sync::ticket_mutex>;
template class account<gantry::sync::mcs_mutex>;
template class account<gantry::sync::binary_semaphore>;
template class timed_account<gantry::sync::mutex>;
template class timed_account<gantry::sync::spin_mutex>;
template class timed_account<gantry::sync::binary_semaphore>;

} // namespace

template class gantry::sync::guarded<int, gantry::sync::mutex>;
