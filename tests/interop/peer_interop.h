// peer_interop.h: what peer_interop_client.cc and peer_interop_server.cc share: flags as interop
// programs have them, and files.
#ifndef TESTS_INTEROP_PEER_INTEROP_H
#define TESTS_INTEROP_PEER_INTEROP_H

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
      if (equals == std::string::npos || flags.count(name) == 0) {
        std::cerr << text << " is no flag of this program" << std::endl;
        exit(2);
      }
      flags[name] = text.substr(equals + 1);
    }
  }
  const std::string &operator[](const std::string &name) const { return flags.at(name); }
  int number(const std::string &name) const { return std::stoi(flags.at(name)); }
  bool is_true(const std::string &name) const { return flags.at(name) == "true"; }

private:
  std::map<std::string, std::string> flags;
};

inline std::string read_file(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

#endif
