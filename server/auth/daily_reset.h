// The hour at which sessions end every day, in a named time zone.
#ifndef TESSERA_SERVER_AUTH_DAILY_RESET_H_
#define TESSERA_SERVER_AUTH_DAILY_RESET_H_

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace tessera::server {

// A plain value. Each civil day has exactly one reset. Where clocks skip the hour, it is the moment
// of the change; where they show the hour twice, it is the first of the two.
class DailyReset {
 public:
  // `hour` 0 to 23, `minute` 0 to 59.
  DailyReset(int hour, int minute, absl::TimeZone zone)
      : hour_(hour), minute_(minute), zone_(zone) {}

  // The first reset that is later than `now`.
  absl::Time NextAfter(absl::Time now) const;

 private:
  absl::Time On(absl::CivilDay day) const;

  int hour_;
  int minute_;
  absl::TimeZone zone_;
};

}  // namespace tessera::server

#endif  // TESSERA_SERVER_AUTH_DAILY_RESET_H_
