#include "tessera/guard/server_survey.h"

#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>

#include "tessera/guard/grpc_versions.h"

namespace tessera::guard {

// Of AddPassiveListener, which gRPC has together with this header.
size_t CountPassiveListeners(grpc::ServerBuilder& builder);
#if __has_include(<grpcpp/passive_listener.h>)
template struct PassiveListenersReader<&grpc::ServerBuilder::unstarted_passive_listeners_>;
#else
size_t CountPassiveListeners(grpc::ServerBuilder&) { return 0; }
#endif

namespace {

using Methods = std::vector<std::unique_ptr<grpc::internal::RpcServiceMethod>>;
using Acceptors = std::vector<std::shared_ptr<grpc::internal::ExternalConnectionAcceptorImpl>>;

// grpc::Service keeps its methods to itself. The arguments of an explicit instantiation are exempt
// from access checks ([temp.spec]), which is the one way to read them that needs no change of gRPC;
// should the member ever change, this does not compile.
Methods& MethodsOf(grpc::Service& service);
template <Methods grpc::Service::*kMember>
struct MethodsReader {
  friend Methods& MethodsOf(grpc::Service& service) { return service.*kMember; }
};
template struct MethodsReader<&grpc::Service::methods_>;

// The same for the builder's acceptors.
Acceptors& AcceptorsOf(grpc::ServerBuilder& builder);
template <Acceptors grpc::ServerBuilder::*kMember>
struct AcceptorsReader {
  friend Acceptors& AcceptorsOf(grpc::ServerBuilder& builder) { return builder.*kMember; }
};
template struct AcceptorsReader<&grpc::ServerBuilder::acceptors_>;

// And for its generic services.
grpc::AsyncGenericService* AsyncGenericOf(grpc::ServerBuilder& builder);
template <grpc::AsyncGenericService* grpc::ServerBuilder::*kMember>
struct AsyncGenericReader {
  friend grpc::AsyncGenericService* AsyncGenericOf(grpc::ServerBuilder& builder) {
    return builder.*kMember;
  }
};
template struct AsyncGenericReader<&grpc::ServerBuilder::generic_service_>;

grpc::CallbackGenericService* CallbackGenericOf(grpc::ServerBuilder& builder);
template <grpc::CallbackGenericService* grpc::ServerBuilder::*kMember>
struct CallbackGenericReader {
  friend grpc::CallbackGenericService* CallbackGenericOf(grpc::ServerBuilder& builder) {
    return builder.*kMember;
  }
};
template struct CallbackGenericReader<&grpc::ServerBuilder::callback_generic_service_>;

// The builder's own lists are protected: a derived struct may name them.
struct BuilderReader : grpc::ServerBuilder {
  static auto PortsOf(grpc::ServerBuilder& builder) { return (builder.*(&BuilderReader::ports))(); }
  static auto ServicesOf(grpc::ServerBuilder& builder) {
    return (builder.*(&BuilderReader::services))();
  }
};

}  // namespace

ServerSurvey Survey(grpc::ServerBuilder& builder) {
  ServerSurvey survey;
  for (const auto& port : BuilderReader::PortsOf(builder)) {
    survey.ports.push_back({port.addr, port.creds});
  }
  for (const auto* named : BuilderReader::ServicesOf(builder)) {
    for (const auto& method : MethodsOf(*named->service)) {
      if (method == nullptr) {
        ++survey.nameless_methods;
      } else {
        survey.paths.emplace_back(method->name());
      }
    }
  }
  survey.generic_service =
      AsyncGenericOf(builder) != nullptr || CallbackGenericOf(builder) != nullptr;
  survey.acceptors = AcceptorsOf(builder).size();
  survey.passive_listeners = CountPassiveListeners(builder);
  return survey;
}

}  // namespace tessera::guard
