// The user room with groups, as the facade makes them.
#ifndef TESSERA_TESTS_SERVER_USER_GROUP_ROOM_H_
#define TESSERA_TESTS_SERVER_USER_GROUP_ROOM_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/user/group_facade.h"
#include "tests/server/user/user_room.h"

namespace tessera::server {

class GroupRoom : public UserRoom {
 protected:
  void SetUp() override {
    UserRoom::SetUp();
    Start();
    groups_ = MakeGroups(false);
  }
  std::unique_ptr<GroupFacade> MakeGroups(bool revoke_on_role_change) {
    return std::make_unique<GroupFacade>(
        GroupFacade::Parts{group_store_ == nullptr ? *store_ : *group_store_, *feed_, clock_, log_,
                           audit_, revoke_on_role_change});
  }
  void AddGroup(const std::string& name, const std::vector<std::string>& roles = {}) {
    const auto group = groups_->Create(call_, admin_, {name, ""});
    ASSERT_TRUE(group.ok()) << group.status();
    for (const std::string& role : roles) Give(name, role);
  }
  void AddRole(const std::string& name) {
    ASSERT_TRUE(roles_->Create(call_, admin_, {name, "", {}}).ok());
  }
  void Give(const std::string& group, const std::string& role) {
    const absl::Status given = groups_->GrantRole(call_, admin_, {group, role});
    ASSERT_TRUE(given.ok()) << given;
  }
  void Join(const std::string& group, const UserId& user) {
    const absl::Status joined = groups_->AddMember(call_, admin_, {group, user});
    ASSERT_TRUE(joined.ok()) << joined;
  }
  UserId AddMember(const std::string& group, const std::string& name) {
    const UserId id = Add(name).id;
    Join(group, id);
    return id;
  }
  // The first administrator holds the role by the group alone from now on.
  void MoveAdministrationTo(const std::string& group) {
    AddGroup(group, {std::string(kAdminRole)});
    Join(group, admin_);
    ASSERT_TRUE(roles_->Revoke(call_, admin_, kAdminRole, admin_).ok());
  }

  RoleLookup Lookup(const UserId& user) {
    auto lookup = roles_->Lookup(call_, UserKey(user));
    EXPECT_TRUE(lookup.ok()) << lookup.status();
    return *std::move(lookup);
  }
  std::vector<std::string> Held(const UserId& user) {
    std::vector<std::string> names;
    for (const storage::HeldRole& held : Lookup(user).roles) names.push_back(held.role.name);
    return names;
  }
  RoleCheck Check(const UserKey& who, const std::string& role) {
    auto check = roles_->Check(call_, who, role);
    EXPECT_TRUE(check.ok()) << check.status();
    return *std::move(check);
  }
  std::vector<std::string> Members(const std::string& group) {
    std::vector<std::string> names;
    std::string token;
    do {
      auto page = groups_->ListMembers(call_, group, 2, token);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const storage::User& user : page->users) names.push_back(user.username);
      token = page->next_page_token;
    } while (!token.empty());
    return names;
  }
  IssuedGrant MustLogin(const std::string& name, bool include_groups = false) {
    LoginInput input{name, Secret::CopyOf(kPassword), ""};
    input.terms.include_groups = include_groups;
    auto attempt = auth_->BeginLogin(call_, std::move(input));
    EXPECT_TRUE(attempt.ok()) << attempt.status();
    auto verified = auth_->CheckPassword(call_, *std::move(attempt));
    EXPECT_TRUE(verified.ok()) << verified.status();
    auto grant = auth_->OpenSession(call_, *verified);
    EXPECT_TRUE(grant.ok()) << grant.status();
    return *std::move(grant);
  }
  Claims ClaimsOf(const IssuedGrant& grant) {
    auto known = auth_->Validate(grant.access_token);
    EXPECT_TRUE(known.ok() && known->claims != nullptr);
    return known.ok() && known->claims != nullptr ? *known->claims : Claims();
  }
  IssuedGrant MustRenew(const IssuedGrant& grant) {
    auto next = auth_->Renew(call_, grant.refresh_token);
    EXPECT_TRUE(next.ok()) << next.status();
    return *std::move(next);
  }
  bool IsLive(const IssuedGrant& grant) { return WhyInactive(grant.access_token).empty(); }

  void Write(const std::function<absl::Status(storage::Repositories&)>& work) {
    const absl::Status written =
        store_->Write(storage::Repeat::kOnce, absl::InfiniteFuture(), work);
    ASSERT_TRUE(written.ok()) << written;
  }
  // Without hashes, so that there can be many.
  std::vector<UserId> AddManyMembers(const std::string& group, int count) {
    std::vector<UserId> ids;
    Write([&](storage::Repositories& in) -> absl::Status {
      ids.clear();
      const auto found = in.groups.FindByName(group);
      for (int i = 0; i < count; ++i) {
        storage::User user;
        user.id = UserId::Random(clock_.Now());
        user.username = "member" + std::to_string(i);
        user.created_at = user.updated_at = clock_.Now();
        if (auto status = in.users.Insert(user); !status.ok()) return status;
        if (auto status = in.groups.AddMember((*found)->id, user.id, clock_.Now()); !status.ok()) {
          return status;
        }
        ids.push_back(user.id);
      }
      return absl::OkStatus();
    });
    return ids;
  }
  // How many of them have had all their tokens ended so often.
  std::map<int64_t, int> VersionsOf(const std::vector<UserId>& ids) {
    std::map<int64_t, int> versions;
    for (const UserId& id : ids) {
      auto user = users_->Get(call_, UserKey(id));
      EXPECT_TRUE(user.ok());
      if (user.ok()) ++versions[user->version];
    }
    return versions;
  }

  storage::Store* group_store_ = nullptr;  // what MakeGroups takes instead of the store
  std::unique_ptr<GroupFacade> groups_;
};

}  // namespace tessera::server

#endif  // TESSERA_TESTS_SERVER_USER_GROUP_ROOM_H_
