// Lists that come a page at a time.
#ifndef TESSERA_CLI_PAGING_H_
#define TESSERA_CLI_PAGING_H_

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <string>

#include "absl/status/statusor.h"
#include "tessera/base/reason.h"
#include "tessera/cli/exit_code.h"

namespace tessera::cli {

inline constexpr int kLargestPage = 1000;

// Neither given: all pages.
struct PageArguments {
  int page_size = 0;
  std::string page_token;
};
void AddPageOptions(CLI::App& sub, PageArguments& arguments);
// How to go on, for people; nothing if `token` is empty.
void PrintNextPage(const std::string& token, std::ostream& err);

// One page, or all in one answer, of what `request` asks for. `next` asks for a page; `take` moves
// a page's items behind those of the answer. INTERNAL UNEXPECTED_ANSWER: the server gives the same
// page for ever.
template <typename Request, typename Response, typename Next, typename Take>
absl::StatusOr<Response> Pages(const PageArguments& arguments, const Next& next, const Take& take,
                               Request request = Request()) {
  const bool one = arguments.page_size != 0 || !arguments.page_token.empty();
  request.set_page_size(one ? arguments.page_size : kLargestPage);
  request.set_page_token(arguments.page_token);
  Response all;
  while (true) {
    absl::StatusOr<Response> page = next(request);
    if (!page.ok()) return page.status();
    take(all, *page);
    all.set_next_page_token(page->next_page_token());
    if (one || page->next_page_token().empty()) return all;
    if (page->next_page_token() == request.page_token()) {
      return Refusal(absl::StatusCode::kInternal, local_reason::kUnexpectedAnswer,
                     "the server names the same page again and again");
    }
    request.set_page_token(page->next_page_token());
  }
}

}  // namespace tessera::cli

#endif  // TESSERA_CLI_PAGING_H_
