#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/config/text.h"
#include "common/config/yaml.h"

namespace lrti::config {
namespace {

// A comment behind the text: yaml-cpp overlooks a quote that is still open where a text ends with a
// line end.
constexpr const char* kLastLine = "#";

/// Builds a Node from yaml-cpp's events. What must not be throws ParserException, the library's own
/// way out, which ParseYaml turns into a Status.
class TreeBuilder : public YAML::EventHandler {
 public:
  Node TakeRoot() { return std::move(root_); }

  /// Where the innermost list or mapping begins that is still open, if any.
  const YAML::Mark* open_mark() const { return open_.empty() ? nullptr : &open_.back().mark; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Refuse(mark, "a second document begins (---); one is expected");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Place(mark, "", anchor, Node());
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { RefuseAnchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (awaits_key()) {
      RefuseUnsupported(mark, tag, anchor);
      return SetKey(mark, value);
    }
    Place(mark, tag, anchor, tag == "!" ? Node::Quoted(value) : Node::Plain(value));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::List());
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Map());
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Level {
    Node* node;  // stays valid: a parent grows only while no child of it is open
    YAML::Mark mark;
    bool has_key = false;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& why) {
    throw YAML::ParserException(mark, why);
  }
  [[noreturn]] static void RefuseAnchor(const YAML::Mark& mark) {
    Refuse(mark, "anchors (&) and aliases (*) are not supported; write the value out");
  }
  static void RefuseUnsupported(const YAML::Mark& mark, const std::string& tag,
                                YAML::anchor_t anchor) {
    if (anchor != 0) RefuseAnchor(mark);
    // yaml-cpp's marks for a plain and for a quoted scalar.
    if (!tag.empty() && tag != "?" && tag != "!") {
      Refuse(mark, "tags (!) are not supported; write the value without one");
    }
  }

  bool awaits_key() const {
    return !open_.empty() && open_.back().node->kind == Node::Kind::kMap && !open_.back().has_key;
  }

  void SetKey(const YAML::Mark& mark, const std::string& key) {
    if (key.size() > kKeyBytesMax) {
      Refuse(mark, fmt::format("a key of {} bytes; {} are allowed", key.size(), kKeyBytesMax));
    }
    open_.back().node->entries.push_back(Entry{key, mark.line + 1, Node()});
    open_.back().has_key = true;
  }

  Node* Place(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node) {
    RefuseUnsupported(mark, tag, anchor);
    if (awaits_key()) Refuse(mark, "a key must be text (or a bracket is never closed)");
    if (++nodes_ > kNodesMax) Refuse(mark, fmt::format("more than {} values", kNodesMax));
    node.line = mark.line + 1;
    if (open_.empty()) return &(root_ = std::move(node));
    Level& parent = open_.back();
    if (parent.node->kind == Node::Kind::kList) {
      return &parent.node->items.emplace_back(std::move(node));
    }
    parent.has_key = false;
    // The mark of a value left out is that of whatever comes next.
    if (node.kind == Node::Kind::kNull) node.line = parent.node->entries.back().line;
    return &(parent.node->entries.back().value = std::move(node));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node) {
    if (open_.size() >= kDepthMax) Refuse(mark, fmt::format("nested over {} deep", kDepthMax));
    Node* placed = Place(mark, tag, anchor, std::move(node));
    open_.push_back(Level{placed, mark});
  }

  Node root_;
  std::vector<Level> open_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

absl::Status CheckText(const std::string& text) {
  if (text.size() > kTextBytesMax) {
    return InvalidArgument("the text has {} bytes; {} are allowed", text.size(), kTextBytesMax);
  }
  if (const auto at = FirstByteThatIsNotText(text)) {
    return InvalidArgument("byte {} (0x{:02x}) is not UTF-8 text; is this a YAML file?", *at,
                           static_cast<unsigned char>(text[*at]));
  }
  return absl::OkStatus();
}

absl::Status At(const YAML::Mark& mark, const std::string& what) {
  return InvalidArgument("line {}, column {}: {}", mark.line + 1, mark.column + 1, what);
}

/// yaml-cpp's marks for a list or mapping in brackets that is never closed point anywhere.
absl::Status Explain(const YAML::Exception& error, const TreeBuilder& builder) {
  const bool is_unclosed =
      error.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW || error.msg == YAML::ErrorMsg::END_OF_MAP_FLOW;
  const YAML::Mark* begin = builder.open_mark();
  if (is_unclosed && begin != nullptr) return At(*begin, "a bracket is never closed");
  if (error.msg == YAML::ErrorMsg::EOF_IN_SCALAR) return At(error.mark, "a quote is never closed");
  return At(error.mark, Shown(error.msg));
}

}  // namespace

absl::StatusOr<Node> ParseYamlValue(const std::string& text) {
  LRTI_RETURN_IF_ERROR(CheckText(text));
  TreeBuilder builder;
  try {
    std::istringstream stream(text + (text.ends_with('\n') ? "" : "\n") + kLastLine);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return Explain(error, builder);
  }
  return builder.TakeRoot();
}

absl::StatusOr<Node> ParseYaml(const std::string& text) {
  LRTI_ASSIGN_OR_RETURN(Node root, ParseYamlValue(text));
  return root.kind == Node::Kind::kNull ? Node::Map() : std::move(root);
}

}  // namespace lrti::config
