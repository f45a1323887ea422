// Answers as people and scripts see them: a thing, or a list of things that comes in pages.
#ifndef TESSERA_CLI_LISTING_H_
#define TESSERA_CLI_LISTING_H_

#include <google/protobuf/message.h>
#include <google/protobuf/repeated_field.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tessera/cli/invocation.h"
#include "tessera/cli/output.h"
#include "tessera/cli/paging.h"
#include "tessera/cli/render.h"

namespace tessera::cli {

// The answer as JSON, or its fields.
inline void Show(Invocation& invocation, const google::protobuf::Message& answer,
                 const Fields& fields) {
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
  } else {
    PrintFields(fields, invocation.world().out);
  }
}

// Likewise of a list, with how to go on.
template <typename Response>
void ShowList(Invocation& invocation, const Response& answer, const Table& table) {
  if (invocation.json()) {
    invocation.PrintJson(ToJson(answer));
    return;
  }
  table.Print(invocation.world().out);
  PrintNextPage(answer.next_page_token(), invocation.world().err);
}

// A method of UserService that lists things, where they are in its answer, and how they look.
template <typename Request, typename Response, typename Item>
struct Listing {
  UserMethod<Request, Response> method;
  google::protobuf::RepeatedPtrField<Item>* (Response::*items)();
  Table (*table)(const std::vector<Item>&);
};

// One page, or all in one answer, of what `request` asks for.
template <typename Request, typename Response, typename Item>
absl::StatusOr<Response> FetchList(Invocation& invocation, const PageArguments& page,
                                   Request request,
                                   const Listing<Request, Response, Item>& listing) {
  const auto next = [&](const Request& asked) {
    return invocation.CallUsers(listing.method, asked);
  };
  const auto take = [&](Response& all, Response& more) {
    for (Item& item : *(more.*listing.items)()) *(all.*listing.items)()->Add() = std::move(item);
  };
  return Pages<Request, Response>(page, next, take, std::move(request));
}

template <typename Request, typename Response, typename Item>
absl::Status RunListing(Invocation& invocation, const PageArguments& page, Request request,
                        const Listing<Request, Response, Item>& listing) {
  absl::StatusOr<Response> answer = FetchList(invocation, page, std::move(request), listing);
  if (!answer.ok()) return answer.status();
  const auto& items = *((*answer).*listing.items)();
  ShowList(invocation, *answer, listing.table({items.begin(), items.end()}));
  return absl::OkStatus();
}

}  // namespace tessera::cli

#endif  // TESSERA_CLI_LISTING_H_
