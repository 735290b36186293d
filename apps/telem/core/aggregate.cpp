// SPDX-License-Identifier: MIT
#include <apps/telem/core/kinds.hpp>
#include <apps/telem/core/text.hpp>
#include <gantry/sketch/ckms.hpp>
#include <gantry/sketch/moving_average.hpp>

#include <deque>

namespace telem {
namespace {

// What an aggregate keeps per name, found by the name's number; bounded in bytes.
//
// New names are admitted while less than three quarters of bytes_max are in use, so that a flood of names leaves room
// for the known ones to grow; those grow until bytes_max. Past that their points are refused, and counted.
template<class Kept>
class per_name {
public:
    struct entry {
        entry(name_id id, Kept made) : name(id), kept(std::move(made)) {}
        name_id name;
        bool fresh = false; // has points that no report showed yet
        Kept kept;
    };

    explicit per_name(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

    // The entry of the name, made by make() if it is new; null when it is new and does not fit.
    template<class Make>
    [[nodiscard]] entry* find(name_id name, Make&& make) {
        if (name < places_.size() && places_[name] != nullptr) [[likely]] {
            return places_[name];
        }
        return admit(name, std::forward<Make>(make));
    }

    [[nodiscard]] bool has_fresh() const noexcept { return !fresh_.empty(); }
    [[nodiscard]] bool full() const noexcept { return bytes_ >= bytes_max_; }
    void grew(std::size_t before, std::size_t after) noexcept { bytes_ += after - before; }

    void note_fresh(entry& one) {
        if (!one.fresh) {
            one.fresh = true;
            fresh_.push_back(&one);
        }
    }
    // Calls use(entry) for the names with new points, in the order in which those came.
    template<class Use>
    void take_fresh(Use&& use) {
        for (entry* one : fresh_) {
            one->fresh = false;
            use(*one);
        }
        fresh_.clear();
    }

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t count() const noexcept { return entries_.size(); }

private:
    template<class Make>
    entry* admit(name_id name, Make&& make) {
        const std::size_t admit_max = bytes_max_ - bytes_max_ / 4;
        std::size_t places = places_.size();
        while (places <= name) {
            places = std::max<std::size_t>(64, places * 2);
        }
        Kept made = make();
        // Places both for the name and, later, among the fresh; the deque's own bookkeeping is below a percent.
        const std::size_t more =
            (places - places_.size()) * sizeof(entry*) + sizeof(entry*) + sizeof(entry) - sizeof(Kept) + bytes_of(made);
        if (more > admit_max || bytes_ > admit_max - more) {
            return nullptr;
        }
        places_.resize(places);
        entries_.emplace_back(name, std::move(made));
        fresh_.reserve(places);
        bytes_ += more;
        return places_[name] = &entries_.back();
    }

    static std::size_t bytes_of(const Kept& kept) noexcept {
        if constexpr (requires { kept.bytes(); }) {
            return kept.bytes();
        } else {
            return sizeof kept;
        }
    }

    const std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::deque<entry> entries_;
    std::vector<entry*> places_; // by name
    std::vector<entry*> fresh_;
};

class aggregate : public node {
public:
    std::vector<figure> figures() const override {
        return {{"points_refused", refused_.get()}, {"names", names_.get()}, {"bytes", bytes_.get()}};
    }

protected:
    explicit aggregate(schema meaning) : meaning_(std::move(meaning)) {}

    [[nodiscard]] const schema& meaning() const noexcept { return meaning_; }
    template<class Kept>
    void gauge(const per_name<Kept>& kept, std::uint64_t refused) {
        refused_.add(refused);
        names_.set(kept.count());
        bytes_.set(kept.bytes());
    }

private:
    const schema meaning_;
    counter refused_;
    counter names_;
    counter bytes_;
};

std::string decimal(double number) {
    std::string text;
    append_decimal(text, number);
    return text;
}

gantry::sketch::ckms_mode mode_named(std::string_view name) {
    if (name == "low_biased") {
        return gantry::sketch::ckms_mode::low_biased;
    }
    return name == "high_biased" ? gantry::sketch::ckms_mode::high_biased : gantry::sketch::ckms_mode::uniform;
}

class ckms_aggregate final : public aggregate {
public:
    explicit ckms_aggregate(const node_config& config)
        : aggregate(meaning_of(config)),
          options_{.mode = mode_named(config.text("mode")), .epsilon = config.real("epsilon")},
          quantiles_(config.reals("quantiles")), kept_(config.integer("bytes_max")) {}

    void on_points(std::span<const metric> points, outbox&) override {
        std::uint64_t refused = 0;
        for (const metric& point : points) {
            auto* one = kept_.find(point.name, [&] { return sketch(options_); });
            if (one == nullptr || kept_.full()) [[unlikely]] {
                ++refused;
                continue;
            }
            const std::size_t before = one->kept.bytes();
            one->kept.insert(point.value);
            kept_.grew(before, one->kept.bytes());
            kept_.note_fresh(*one);
        }
        gauge(kept_, refused);
    }

    void on_pulse(const pulse& beat, outbox& out) override {
        kept_.take_fresh([&](auto& one) {
            const std::size_t before = one.kept.bytes();
            one.kept.flush(); // one merge instead of one for every quantile
            kept_.grew(before, one.kept.bytes());
            for (std::uint32_t column = 0; column < quantiles_.size(); ++column) {
                out.add(meaning(), beat.time,
                        {one.name, column, static_cast<double>(one.kept.query(quantiles_[column])->value),
                         one.kept.count()});
            }
        });
        gauge(kept_, 0);
    }

    // A point that no report shows yet comes again.
    bool settled() const override { return !kept_.has_fresh(); }

private:
    using sketch = gantry::sketch::ckms<std::uint32_t>;

    static schema meaning_of(const node_config& config) {
        schema made{config.name, config.text("label"), "q", {}};
        for (const double quantile : config.reals("quantiles")) {
            made.columns.push_back(decimal(quantile));
        }
        return made;
    }

    const gantry::sketch::ckms_options options_;
    const std::vector<double> quantiles_;
    per_name<sketch> kept_;
};

class mean_aggregate final : public aggregate {
public:
    explicit mean_aggregate(const node_config& config)
        : aggregate({config.name, config.text("label"), "", {}}), kept_(config.integer("bytes_max")) {}

    void on_points(std::span<const metric> points, outbox&) override {
        std::uint64_t refused = 0;
        for (const metric& point : points) {
            auto* one = kept_.find(point.name, [] { return mean(); });
            if (one == nullptr) [[unlikely]] {
                ++refused;
                continue;
            }
            one->kept.insert(point.value);
            kept_.note_fresh(*one);
        }
        gauge(kept_, refused);
    }

    void on_pulse(const pulse& beat, outbox& out) override {
        kept_.take_fresh(
            [&](auto& one) { out.add(meaning(), beat.time, {one.name, 0, one.kept.mean(), one.kept.count()}); });
        gauge(kept_, 0);
    }

    bool settled() const override { return !kept_.has_fresh(); }

private:
    using mean = gantry::sketch::basic_moving_average<std::uint32_t>;

    per_name<mean> kept_;
};

} // namespace

std::unique_ptr<node> make_ckms(const node_config& config, const surroundings&) {
    return std::make_unique<ckms_aggregate>(config);
}

std::unique_ptr<node> make_moving_average(const node_config& config, const surroundings&) {
    return std::make_unique<mean_aggregate>(config);
}

} // namespace telem
