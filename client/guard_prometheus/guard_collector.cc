#include "tessera/guard_prometheus/guard_collector.h"

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace tessera {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  void AddGauge(const char* name, const char* help, double value) {
    ClientMetric metric;
    metric.gauge.value = value;
    Add(name, help, MetricType::Gauge, {std::move(metric)});
  }
  void AddCounter(const char* name, const char* help, uint64_t value) {
    ClientMetric metric;
    metric.counter.value = static_cast<double>(value);
    Add(name, help, MetricType::Counter, {std::move(metric)});
  }
  void Add(const char* name, const char* help, MetricType type, std::vector<ClientMetric> metrics) {
    families_.push_back({name, help, type, std::move(metrics)});
  }
  std::vector<MetricFamily> Finish() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void AddDecisions(const GuardMetrics& metrics, Families& families) {
  std::vector<ClientMetric> decisions;
  for (const GuardDecisions& one : metrics.decisions) {
    ClientMetric metric;
    metric.label = {{"method", one.method},
                    {"code", absl::StatusCodeToString(one.code)},
                    {"reason", one.reason}};
    metric.counter.value = static_cast<double>(one.count);
    decisions.push_back(std::move(metric));
  }
  families.Add("tessera_guard_decisions_total", "Calls by what was decided about them.",
               MetricType::Counter, std::move(decisions));
}

// Streams that the guard ended, by why.
void AddCuts(const GuardMetrics& metrics, Families& families) {
  ClientMetric revoked;
  revoked.label = {{"reason", "TOKEN_REVOKED"}};
  revoked.counter.value = static_cast<double>(metrics.streams_cut_by_revocation);
  ClientMetric expired;
  expired.label = {{"reason", "TOKEN_EXPIRED"}};
  expired.counter.value = static_cast<double>(metrics.streams_cut_by_expiry);
  families.Add("tessera_guard_streams_cut_total", "Running streams that the guard has ended.",
               MetricType::Counter, {std::move(revoked), std::move(expired)});
}

void AddCache(const GuardMetrics& metrics, Families& families) {
  families.AddCounter("tessera_guard_cache_hits_total",
                      "Calls whose token had been verified before.", metrics.cache_hits);
  families.AddCounter("tessera_guard_cache_misses_total", "Calls whose token was new.",
                      metrics.cache_misses);
  families.AddGauge("tessera_guard_cache_tokens", "Verified tokens that are kept.",
                    static_cast<double>(metrics.cache_tokens));
  families.AddGauge("tessera_guard_cache_bytes", "What they take in memory.",
                    static_cast<double>(metrics.cache_bytes));
}

void AddParked(const GuardMetrics& metrics, Families& families) {
  families.AddGauge("tessera_guard_parked_calls", "Calls that wait for keys.",
                    static_cast<double>(metrics.parked_calls));
  families.AddCounter("tessera_guard_parked_calls_total", "Calls that ever waited for keys.",
                      metrics.parked_calls_total);
  families.AddCounter("tessera_guard_parked_calls_refused_total",
                      "Calls for which there was no room to wait.", metrics.parked_calls_refused);
}

class GuardCollector final : public prometheus::Collectable {
 public:
  explicit GuardCollector(const Guard& guard) : guard_(guard) {}

  std::vector<MetricFamily> Collect() const override {
    const GuardMetrics metrics = guard_.Metrics();
    Families families;
    AddDecisions(metrics, families);
    families.AddGauge("tessera_guard_keys", "Keys that are trusted; with none, none is let in.",
                      static_cast<double>(metrics.keys));
    if (metrics.revocations_age.has_value()) {
      families.AddGauge("tessera_guard_revocations_age_seconds",
                        "Since the list of revocations was known to be whole; +Inf for never.",
                        absl::ToDoubleSeconds(*metrics.revocations_age));
      families.AddGauge("tessera_guard_revocations", "Entries of the list.",
                        static_cast<double>(metrics.revocations));
    }
    AddCache(metrics, families);
    AddParked(metrics, families);
    families.AddGauge("tessera_guard_streams", "Running streams under watch.",
                      static_cast<double>(metrics.streams));
    families.AddGauge("tessera_guard_streams_in_grace",
                      "Of these, those whose token is revoked and whose grace runs.",
                      static_cast<double>(metrics.streams_in_grace));
    AddCuts(metrics, families);
    return families.Finish();
  }

 private:
  const Guard& guard_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> MakeGuardCollector(const Guard& guard) {
  return std::make_shared<GuardCollector>(guard);
}

}  // namespace tessera
