#pragma once
// The command's own description, from which its parser works, in other forms: man page, completions, docs/reference.md.
// The build asks for them by the hidden verb `generate`.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace foreseed {

/// One option, flag or positional argument of a verb.
struct OptionText {
  std::string name;                  ///< "--seed", or "trace" of a positional argument
  std::string value;                 ///< what follows it: "UINT", "TEXT"; "" for a flag
  std::string description;
  std::string otherwise;             ///< its default; "" = none worth telling
  std::vector<std::string> choices;  ///< the only values it takes; empty = any
  bool positional = false;
  bool required = false;
  bool many = false;
};

struct VerbText {
  std::string name;
  std::string description;
  std::vector<OptionText> options;  ///< positional arguments first

  /// "check [scenario..] [OPTIONS]".
  std::string usage() const;
};

/// The verbs that are not hidden.
std::vector<VerbText> verb_texts(const CLI::App& app);

/// man, markdown, bash, zsh, fish; and schema, the JSON Schema of traces.
std::vector<std::string> reference_formats();
std::string reference(const CLI::App& app, const std::string& format);

// completions.cc
std::string bash_completion(const std::vector<VerbText>& verbs);
std::string zsh_completion(const std::vector<VerbText>& verbs);
std::string fish_completion(const std::vector<VerbText>& verbs);

}  // namespace foreseed
