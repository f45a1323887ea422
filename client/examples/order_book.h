// The example's orders, in memory.
#ifndef ORDERS_ORDER_BOOK_H_
#define ORDERS_ORDER_BOOK_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "orders.pb.h"

namespace orders {

// Thread-safe.
class OrderBook {
 public:
  int64_t Count() const;
  // The orders of a user, who gets two at the first call.
  std::vector<v1::Order> OrdersOf(const std::string& subject);
  // Absent: there is no such order.
  std::optional<v1::Order> Cancel(const std::string& order_id);

  // A point in the book's history; the changes to a user's orders behind it, and the point behind
  // them. Waits for at most `limit` where there are none.
  using Point = size_t;
  std::pair<std::vector<v1::Order>, Point> ChangesAfter(Point point, const std::string& subject,
                                                        std::chrono::milliseconds limit);

 private:
  struct Entry {
    std::string subject;
    v1::Order order;
  };

  void Make(const std::string& subject, const std::string& item);
  std::vector<v1::Order> Of(const std::string& subject, const std::vector<Entry>& entries,
                            size_t from) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> orders_;   // guarded by mutex_, like the next
  std::vector<Entry> history_;  // each change; an example may let it grow
};

}  // namespace orders

#endif  // ORDERS_ORDER_BOOK_H_
