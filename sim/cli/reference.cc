#include "cli/reference.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "trace/trace.h"

namespace foreseed {

namespace {

constexpr std::pair<int, const char*> exit_codes[] = {
    {0, "everything held, within the number of executions printed"},
    {1, "a property was violated, a regression failed, or two traces differ"},
    {2, "bad usage"},
    {3, "interrupted before the end, or a bound ended explore --require-complete"},
    {4, "not deterministic, or a replay diverged"},
    {5, "a trace or database that cannot be read"},
    {70, "a call that cannot be simulated yet (its name is printed), or a fault of foreseed itself"},
};

/// "TEXT:{sc,tso,c11}" is a type and the values that it may have; other bounds are told by the parser when it matters.
OptionText option_text(const CLI::Option& option) {
  OptionText text;
  text.positional = option.get_positional();
  text.name = text.positional ? option.get_name(true) : "--" + option.get_lnames().front();
  text.description = option.get_description();
  text.otherwise = option.get_default_str();
  text.required = option.get_required();
  text.many = option.get_expected_max() > 1;
  if (option.get_type_size_max() == 0 || option.get_expected_max() == 0) return text;
  const std::string type = option.get_type_name();
  text.value = type.substr(0, type.find_first_of(":( ["));
  if (text.value.empty()) text.value = "TEXT";
  const auto open = type.find(":{");
  if (open == std::string::npos) return text;
  for (std::size_t from = open + 2, to; from < type.size(); from = to + 1) {
    to = std::min(type.find_first_of(",}", from), type.size());
    text.choices.push_back(type.substr(from, to - from));
    if (type[to] == '}') break;
  }
  return text;
}

/// For roff, in which a backslash escapes, a hyphen is no minus, and a quote or a dot may begin a request.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else if (c == '\'') out += "\\(aq";
    else if (c == '.' && out.empty()) out += "\\&.";
    else out += c;
  }
  return out;
}

std::string head(const OptionText& option) {
  if (option.positional) return option.name;
  return option.value.empty() ? option.name : option.name + " " + option.value;
}

std::string body(const OptionText& option) {
  std::string text = option.description;
  if (!option.choices.empty()) text += fmt::format("{}one of {}", text.empty() ? "" : "; ", fmt::join(option.choices, ", "));
  if (!option.otherwise.empty()) text += fmt::format(" (default {})", option.otherwise);
  return text;
}

std::string man_page(const CLI::App& app, const std::vector<VerbText>& verbs) {
  std::string out = ".TH FORESEED 1\n.SH NAME\nforeseed \\- " + roff("deterministic simulation and model checking of C++ programs") +
                    "\n.SH SYNOPSIS\n.B foreseed\n.I VERB\n.RI [ OPTIONS ]\n.SH DESCRIPTION\n" + roff(app.get_description()) +
                    "\nPrograms with scenarios of their own have the same verbs.\n.SH VERBS\n";
  for (const VerbText& verb : verbs) {
    out += fmt::format(".SS foreseed {}\n{}\n", roff(verb.usage()), roff(verb.description));
    for (const OptionText& option : verb.options) out += fmt::format(".TP\n.B {}\n{}\n", roff(head(option)), roff(body(option)));
  }
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : exit_codes) out += fmt::format(".TP\n.B {}\n{}\n", code, roff(meaning));
  return out + ".SH FILES\n.TP\n.I results/foreseed.db\nthe database of failures, unless \\-\\-db names another\n";
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string markdown(const std::vector<VerbText>& verbs) {
  std::string out = "# The verbs\n\n"
                    "Made by `foreseed generate markdown`, from what the command itself parses; a test compares. Traces and the\n"
                    "database, with their fields: [trace.md](trace.md).\n";
  for (const VerbText& verb : verbs) {
    out += fmt::format("\n## {}\n\n`foreseed {}`: {}\n", verb.name, verb.usage(), verb.description);
    if (verb.options.empty()) continue;
    out += "\n| argument | |\n|---|---|\n";
    for (const OptionText& option : verb.options) out += fmt::format("| `{}` | {} |\n", cell(head(option)), cell(body(option)));
  }
  out += "\n## Exit status\n\n| exit | meaning |\n|---|---|\n";
  for (const auto& [code, meaning] : exit_codes) out += fmt::format("| {} | {} |\n", code, meaning);
  return out;
}

}  // namespace

std::string VerbText::usage() const {
  std::string text = name;
  bool any = false;
  for (const OptionText& option : options) {
    const std::string dots = option.many ? ".." : "";
    if (option.positional) text += (option.required ? " " + option.name : " [" + option.name) + dots + (option.required ? "" : "]");
    else if (option.required) text += " " + head(option);
    else any = true;
  }
  return any ? text + " [OPTIONS]" : text;
}

std::vector<VerbText> verb_texts(const CLI::App& app) {
  std::vector<VerbText> verbs;
  for (const CLI::App* const verb : app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
    VerbText text{verb->get_name(), verb->get_description(), {}};
    for (const CLI::Option* const option : verb->get_options()) {
      if (option->get_name() != "--help") text.options.push_back(option_text(*option));
    }
    std::stable_partition(text.options.begin(), text.options.end(), [](const OptionText& one) { return one.positional; });
    verbs.push_back(std::move(text));
  }
  return verbs;
}

std::vector<std::string> reference_formats() { return {"man", "markdown", "bash", "zsh", "fish", "schema"}; }

std::string reference(const CLI::App& app, const std::string& format) {
  const std::vector<VerbText> verbs = verb_texts(app);
  if (format == "man") return man_page(app, verbs);
  if (format == "bash") return bash_completion(verbs);
  if (format == "zsh") return zsh_completion(verbs);
  if (format == "fish") return fish_completion(verbs);
  if (format == "schema") return json_schema();
  return markdown(verbs);
}

}  // namespace foreseed
