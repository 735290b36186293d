// SPDX-License-Identifier: MIT
// What clang's -Wthread-safety must find; compiled with -Xclang -verify, which fails unless exactly this
// is found.
#include <gantry/sync/lock_guard.hpp>
#include <gantry/sync/mcs_mutex.hpp>
#include <gantry/sync/mutex.hpp>
#include <gantry/sync/semaphore.hpp>
#include <gantry/sync/spin_mutex.hpp>
#include <gantry/sync/ticket_mutex.hpp>

namespace {

template<class Mutex>
class account {
public:
    void forgets_the_lock() {
        balance_ = 1; // expected-warning 5 {{'balance_' requires holding mutex 'mutex_'}}
    }
    int reads_without() const {
        return balance_; // expected-warning 5 {{'balance_' requires holding mutex 'mutex_'}}
    }
    void locks_twice() {
        mutex_.lock();
        mutex_.lock(); // expected-warning 5 {{acquiring mutex 'mutex_' that is already held}}
        balance_ = 2;
        mutex_.unlock();
    }
    void keeps_it() {
        mutex_.lock();
        balance_ = 3;
    } // expected-warning 5 {{mutex 'mutex_' is still held at the end of function}}
    void unlocks_what_it_has_not() {
        mutex_.unlock(); // expected-warning 5 {{releasing mutex 'mutex_' that was not held}}
    }
    void ignores_the_attempt() {
        if (!mutex_.try_lock())
            balance_ = 4; // expected-warning 5 {{'balance_' requires holding mutex 'mutex_'}}
        else
            mutex_.unlock();
    }
    void after_the_guard() {
        {
            const gantry::sync::lock_guard guard(mutex_);
            balance_ = 5;
        }
        balance_ = 6; // expected-warning 5 {{'balance_' requires holding mutex 'mutex_'}}
    }
    void between_two_locks() {
        gantry::sync::unique_lock lock(mutex_);
        balance_ = 7;
        lock.unlock();
        balance_ = 8; // expected-warning 5 {{'balance_' requires holding mutex 'mutex_'}}
        lock.lock();
    }
    void add(int amount) GANTRY_REQUIRES(mutex_) { balance_ += amount; }
    void calls_without() {
        add(9); // expected-warning 5 {{calling function 'add' requires holding mutex 'mutex_'}}
    }

private:
    mutable Mutex mutex_;
    int balance_ GANTRY_GUARDED_BY(mutex_) = 0;
};

template class account<gantry::sync::mutex>;
template class account<gantry::sync::spin_mutex>;
template class account<gantry::sync::ticket_mutex>;
template class account<gantry::sync::mcs_mutex>;
template class account<gantry::sync::binary_semaphore>;

} // namespace
