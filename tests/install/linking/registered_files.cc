// Which descriptors a program has that links all of the guard and of the caller: exits with 1 if
// there is one outside tessera.v1 that Protocol Buffers' own library does not bring.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>

#include <iostream>
#include <string>
#include <vector>

namespace {

bool BeginsWith(const std::string& text, const std::string& head) {
  return text.compare(0, head.size(), head) == 0;
}

}  // namespace

int main() {
  std::vector<std::string> files;
  google::protobuf::DescriptorPool::internal_generated_database()->FindAllFileNames(&files);
  size_t ours = 0;
  size_t foreign = 0;
  for (const std::string& file : files) {
    if (BeginsWith(file, "tessera/v1/")) {
      ++ours;
    } else if (!BeginsWith(file, "google/protobuf/")) {
      std::cerr << "registers " << file << "\n";
      ++foreign;
    }
  }
  std::cout << files.size() << " descriptors, " << ours << " of tessera.v1, " << foreign
            << " foreign\n";
  return ours > 0 && foreign == 0 ? 0 : 1;
}
