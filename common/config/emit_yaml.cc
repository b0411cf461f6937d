#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/ascii.h"
#include "common/config/yaml.h"
#include "fmt/format.h"

namespace lrti::config {
namespace {

constexpr std::string_view kPlainPunctuation = "_./+-";

bool IsPlainCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         kPlainPunctuation.find(c) != std::string_view::npos;
}

bool HasLetterOrDigit(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); });
}

/// Whether YAML reads the bare characters back as one scalar, wherever they stand.
bool CanStandBare(const std::string& text) {
  return std::all_of(text.begin(), text.end(), IsPlainCharacter) && HasLetterOrDigit(text);
}

/// Whether some YAML reader would take the bare text for a truth value or for nothing.
bool IsReserved(const std::string& text) {
  static constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no",  "on",
                                                             "off",  "y",     "n",   "null"};
  return std::find(kWords.begin(), kWords.end(), absl::AsciiStrToLower(text)) != kWords.end();
}

/// Whether the bare text is certainly text: it begins like a word or a path, unlike any number.
bool ReadsAsText(const std::string& text) {
  if (!CanStandBare(text) || IsReserved(text)) return false;
  const char first = text.front();
  return absl::ascii_isalpha(static_cast<unsigned char>(first)) || first == '_' || first == '/';
}

std::string InQuotes(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      quoted += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string ScalarText(const Node& node) {
  if (node.kind == Node::Kind::kNull) return "null";
  const bool bare = node.quoted ? ReadsAsText(node.text) : CanStandBare(node.text);
  return bare ? node.text : InQuotes(node.text);
}

std::string KeyText(const std::string& key) { return ReadsAsText(key) ? key : InQuotes(key); }

bool IsScalar(const Node& node) {
  return node.kind == Node::Kind::kNull || node.kind == Node::Kind::kScalar;
}

bool FitsOneLine(const Node& node) {
  return std::all_of(node.items.begin(), node.items.end(), IsScalar) && node.entries.empty();
}

std::string OneLine(const Node& node) {
  if (IsScalar(node)) return ScalarText(node);
  if (node.kind == Node::Kind::kMap) return "{}";
  std::string line = "[";
  for (const Node& item : node.items) {
    if (line.size() > 1) line += ", ";
    line += ScalarText(item);
  }
  return line + "]";
}

void EmitBlock(const Node& node, size_t indent, std::string& out);

/// What follows `key:` or `-`.
void EmitAfter(const Node& value, size_t indent, std::string& out) {
  if (FitsOneLine(value)) {
    out += " " + OneLine(value) + "\n";
    return;
  }
  out += "\n";
  EmitBlock(value, indent + 2, out);
}

void EmitMap(const Node& node, size_t indent, std::string& out) {
  for (const Entry& entry : node.entries) {
    out += std::string(indent, ' ') + KeyText(entry.key) + ":";
    EmitAfter(entry.value, indent, out);
  }
}

void EmitList(const Node& node, size_t indent, std::string& out) {
  for (const Node& item : node.items) {
    const size_t dash = out.size() + indent;
    if (item.kind == Node::Kind::kMap && !FitsOneLine(item)) {
      EmitMap(item, indent + 2, out);
      out[dash] = '-';  // in the indentation of the first key
    } else {
      out += std::string(indent, ' ') + "-";
      EmitAfter(item, indent, out);
    }
  }
}

void EmitBlock(const Node& node, size_t indent, std::string& out) {
  node.kind == Node::Kind::kMap ? EmitMap(node, indent, out) : EmitList(node, indent, out);
}

}  // namespace

std::string EmitYaml(const Node& root) {
  if (FitsOneLine(root)) return OneLine(root) + "\n";
  std::string out;
  EmitBlock(root, 0, out);
  return out;
}

}  // namespace lrti::config
