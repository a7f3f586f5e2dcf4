// peer_interop.h: what peer_interop_client.cc and peer_interop_server.cc share: flags as interop
// programs have them, files, and a look at how a message came.
#ifndef TESTS_INTEROP_PEER_INTEROP_H
#define TESTS_INTEROP_PEER_INTEROP_H

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

// --name=value, of the names that are known; anything else ends the program.
class Flags {
public:
  Flags(int argc, char **argv, std::map<std::string, std::string> known) : flags(std::move(known)) {
    for (int i = 1; i < argc; i++) {
      std::string text = argv[i];
      size_t equals = text.find('=');
      std::string name = text.substr(0, equals);
      if (equals == std::string::npos || flags.count(name) == 0)
        wrong(text + " is no flag of this program");
      flags[name] = text.substr(equals + 1);
    }
  }
  [[noreturn]] void wrong(const std::string &why) const {
    std::cerr << why << "\nusage: --NAME=VALUE..., of these:\n";
    for (const auto &flag : flags)
      std::cerr << "  " << flag.first << "\n";
    exit(2);
  }
  const std::string &operator[](const std::string &name) const { return flags.at(name); }
  int number(const std::string &name) const { return std::stoi(flags.at(name)); }
  bool is_true(const std::string &name) const { return flags.at(name) == "true"; }

private:
  std::map<std::string, std::string> flags;
};

// Of the C core, in no header that is installed. What was decompressed says so with this bit.
struct grpc_call;
uint32_t grpc_call_test_only_get_message_flags(grpc_call *call);
template <class Context> bool was_compressed(Context *context) {
  return grpc_call_test_only_get_message_flags(context->c_call()) & 0x40000000u;
}

inline std::string read_file(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

#endif
