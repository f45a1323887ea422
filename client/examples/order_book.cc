#include "order_book.h"

namespace orders {

int64_t OrderBook::Count() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(orders_.size());
}

std::vector<v1::Order> OrderBook::OrdersOf(const std::string& subject) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Of(subject, orders_, 0).empty()) {
    Make(subject, "a lamp");
    Make(subject, "a chair");
  }
  return Of(subject, orders_, 0);
}

std::optional<v1::Order> OrderBook::Cancel(const std::string& order_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Entry& entry : orders_) {
    if (entry.order.order_id() != order_id) continue;
    entry.order.set_cancelled(true);
    history_.push_back(entry);
    changed_.notify_all();
    return entry.order;
  }
  return std::nullopt;
}

std::pair<std::vector<v1::Order>, OrderBook::Point> OrderBook::ChangesAfter(
    Point point, const std::string& subject, std::chrono::milliseconds limit) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return history_.size() > point; });
  return {Of(subject, history_, point), history_.size()};
}

void OrderBook::Make(const std::string& subject, const std::string& item) {
  Entry entry;
  entry.subject = subject;
  entry.order.set_order_id("order-" + std::to_string(orders_.size() + 1));
  entry.order.set_item(item);
  orders_.push_back(entry);
  history_.push_back(entry);
  changed_.notify_all();
}

std::vector<v1::Order> OrderBook::Of(const std::string& subject, const std::vector<Entry>& entries,
                                     size_t from) const {
  std::vector<v1::Order> found;
  for (size_t i = from; i < entries.size(); ++i) {
    if (entries[i].subject == subject) found.push_back(entries[i].order);
  }
  return found;
}

}  // namespace orders
