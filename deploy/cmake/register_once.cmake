# cmake -DFROM=access.pb.cc -DTO=access_once.pb.cc -P register_once.cmake: the generated code of an extension, its variable
# made inline. The loader then keeps one of it, initialized once, where two shared libraries of a program each contain it; the
# generated code as it is registers the extension twice, and Protocol Buffers ends the program.
file(READ ${FROM} text)
string(REGEX REPLACE
  "PROTOBUF_ATTRIBUTE_INIT_PRIORITY2( ::PROTOBUF_NAMESPACE_ID::internal::ExtensionIdentifier<)"
  "PROTOBUF_ATTRIBUTE_INIT_PRIORITY2 __attribute__((used)) inline\\1" once "${text}")
if(once STREQUAL text)
  message(STATUS "register_once: this protoc writes extensions in another way; ${FROM} is taken as it is")
endif()
file(WRITE ${TO} "${once}")
