// Completions for shells: verbs, options, their values where there are only some, the names of scenarios as the program
// lists them, else files.

#include <fmt/format.h>

#include <algorithm>

#include "cli/reference.h"

namespace foreseed {

namespace {

bool names_scenarios(const VerbText& verb) {
  return std::any_of(verb.options.begin(), verb.options.end(), [](const OptionText& one) { return one.name == "scenario"; });
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else out += c;
  }
  return out + "'";
}

/// In a specification of zsh's _arguments, where brackets and colons have meanings.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(const OptionText& option) {
  if (!option.choices.empty()) return fmt::format("({})", fmt::join(option.choices, " "));
  return option.name == "scenario" ? "_foreseed_scenarios" : "_files";
}

}  // namespace

std::string bash_completion(const std::vector<VerbText>& verbs) {
  std::string out = "# foreseed: completion for bash. For a program of yours: complete -o default -F _foreseed PROGRAM\n"
                    "_foreseed() {\n"
                    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]} words=\n"
                    "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words='";
  for (const VerbText& verb : verbs) out += verb.name + " ";
  out += "'\n  else\n    case \"$verb $before\" in\n";
  for (const VerbText& verb : verbs) {
    for (const OptionText& option : verb.options) {
      if (option.positional || option.value.empty()) continue;
      // Nothing fits: then files are offered.
      out += fmt::format("      '{} {}') words='{}' ;;\n", verb.name, option.name, fmt::join(option.choices, " "));
    }
  }
  for (const VerbText& verb : verbs) {
    out += fmt::format("      '{} '*) words='", verb.name);
    for (const OptionText& option : verb.options) out += option.positional ? "" : option.name + " ";
    out += "'";
    if (names_scenarios(verb)) out += "; words+=$(\"${COMP_WORDS[0]}\" list 2>/dev/null | cut -d' ' -f1)";
    out += " ;;\n";
  }
  return out + "    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\ncomplete -o default -F _foreseed foreseed\n";
}

std::string zsh_completion(const std::vector<VerbText>& verbs) {
  std::string out = "#compdef foreseed\n"
                    "# foreseed: completion for zsh. For a program of yours: compdef _foreseed PROGRAM\n"
                    "_foreseed_scenarios() {\n  compadd -- ${(f)\"$(${_foreseed_program} list 2>/dev/null | cut -d' ' -f1)\"}\n}\n"
                    "_foreseed() {\n  local _foreseed_program=$words[1]\n"
                    "  if (( CURRENT == 2 )); then\n    local -a verbs=(\n";
  for (const VerbText& verb : verbs) out += "      " + quoted(verb.name + ":" + zsh_text(verb.description)) + "\n";
  out += "    )\n    _describe verb verbs\n    return\n  fi\n  local verb=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $verb in\n";
  for (const VerbText& verb : verbs) {
    out += fmt::format("    {}) _arguments", verb.name);
    for (const OptionText& option : verb.options) {
      std::string one;
      if (option.positional) {
        one = (option.many ? "*:" : ":") + option.name + ":" + zsh_action(option);
      } else {
        one = option.name + "[" + zsh_text(option.description) + "]";
        if (!option.value.empty()) one += ":" + zsh_text(option.value) + ":" + zsh_action(option);
      }
      out += " \\\n        " + quoted(one);
    }
    out += " ;;\n";
  }
  return out + "  esac\n}\ncompdef _foreseed foreseed\n";
}

std::string fish_completion(const std::vector<VerbText>& verbs) {
  std::string out = "# foreseed: completion for fish. For a program of yours: complete -c PROGRAM -w foreseed\n"
                    "function __foreseed_scenarios\n"
                    "  set -l words (commandline -opc)\n"
                    "  $words[1] list 2>/dev/null | string replace -r ' +' \\t\n"
                    "end\n";
  for (const VerbText& verb : verbs) {
    out += fmt::format("complete -c foreseed -n __fish_use_subcommand -f -a {} -d {}\n", verb.name, quoted(verb.description));
    const std::string within = fmt::format("complete -c foreseed -n '__fish_seen_subcommand_from {}'", verb.name);
    if (names_scenarios(verb)) out += within + " -f -a '(__foreseed_scenarios)'\n";
    for (const OptionText& option : verb.options) {
      if (option.positional) continue;
      out += fmt::format("{} -l {} -d {}", within, option.name.substr(2), quoted(option.description));
      if (!option.choices.empty()) out += fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      else if (!option.value.empty()) out += " -r";
      out += "\n";
    }
  }
  return out;
}

}  // namespace foreseed
