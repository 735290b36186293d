// SPDX-License-Identifier: MIT
#pragma once
//
// small_array: a growing array of trivial elements in 16 bytes, whose spare capacity may be written before it counts.
//
// Use it when a sketch keeps one of many such arrays, mostly short: std::vector takes 24 bytes and initialises.
// Do not use it when elements have constructors, or beyond 2^32 elements -> std::vector.
//
// Threads: one writer, or readers only. Progress: n/a. Ordering: n/a.
// Cost: 16 bytes and the capacity; grow() takes what is asked and no more. Failure: std::bad_alloc, nothing changed.
// Lifetime: owns its block; moved-from is empty. Origin: ours.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace gantry::sketch::detail {

template<class T>
class small_array {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    small_array() noexcept = default;
    small_array(const small_array& other) { assign(other.data(), other.size()); }
    small_array(small_array&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    small_array& operator=(const small_array& other) {
        if (this != &other) {
            assign(other.data(), other.size());
        }
        return *this;
    }
    small_array& operator=(small_array&& other) noexcept {
        if (this != &other) {
            release();
            data_ = std::exchange(other.data_, nullptr);
            size_ = std::exchange(other.size_, 0);
            capacity_ = std::exchange(other.capacity_, 0);
        }
        return *this;
    }
    ~small_array() { release(); }

    T* data() noexcept { return data_; }
    const T* data() const noexcept { return data_; }
    T* begin() noexcept { return data_; }
    const T* begin() const noexcept { return data_; }
    T* end() noexcept { return data_ + size_; }
    const T* end() const noexcept { return data_ + size_; }
    T& operator[](std::size_t i) noexcept { return data_[i]; }
    const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    const T& back() const noexcept { return data_[size_ - 1]; }
    std::size_t size() const noexcept { return size_; }
    std::size_t capacity() const noexcept { return capacity_; }
    bool empty() const noexcept { return size_ == 0; }
    bool full() const noexcept { return size_ == capacity_; }
    std::size_t bytes() const noexcept { return std::size_t{capacity_} * sizeof(T); }

    // Requires !full().
    void push_back_unchecked(const T& value) noexcept { data_[size_++] = value; }
    // Elements between the old and a larger new size are whatever was written to the spare capacity.
    void resize_unchecked(std::size_t size) noexcept { size_ = static_cast<std::uint32_t>(size); }
    void clear() noexcept { size_ = 0; }

    // Makes the capacity at least `capacity`; the elements stay.
    void grow(std::size_t capacity) {
        if (capacity <= capacity_) {
            return;
        }
        if (capacity > UINT32_MAX) {
            throw std::bad_alloc();
        }
        T* const data = std::allocator<T>().allocate(capacity);
        if (size_ != 0) {
            std::memcpy(data, data_, size_ * sizeof(T));
        }
        free_block();
        data_ = data;
        capacity_ = static_cast<std::uint32_t>(capacity);
    }

    void release() noexcept {
        free_block();
        data_ = nullptr;
        size_ = 0;
        capacity_ = 0;
    }

private:
    void assign(const T* from, std::size_t size) {
        grow(size);
        if (size != 0) {
            std::memcpy(data_, from, size * sizeof(T));
        }
        size_ = static_cast<std::uint32_t>(size);
    }
    void free_block() noexcept {
        if (data_ != nullptr) {
            std::allocator<T>().deallocate(data_, capacity_);
        }
    }

    T* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};

} // namespace gantry::sketch::detail
