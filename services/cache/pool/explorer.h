#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/status.h"
#include "services/cache/pool/state_table.h"

/// For tests: every order of events of a small cache node. Two clients put, look up and lease two
/// states in a pool of two slots, over three steps, a rollback, an invalidation, and with the death
/// of either client at any point. What the node's bytes would be is kept beside the machine, so
/// that each answer can be held to what was really written.
namespace lrti::cache {

enum Guarantee { kG1, kG2, kG3, kG4, kEnds, kGuarantees };

struct Explored {
  uint64_t states = 0;
  uint64_t events = 0;
  std::array<uint64_t, kGuarantees> checks{};         // how often each guarantee was tested
  std::array<std::string, kGuarantees> violations{};  // the first of each, with what led to it

  Explored& operator+=(const Explored& other) {
    states += other.states;
    events += other.events;
    for (size_t g = 0; g < kGuarantees; ++g) {
      checks[g] += other.checks[g];
      if (violations[g].empty()) violations[g] = other.violations[g];
    }
    return *this;
  }
};

/// What may happen. The number of states grows by a factor with each.
struct Scope {
  int puts = 2;  // begun at most; more than slots make the node evict
  bool rollback = true;
  bool invalidation = true;
  bool copies = true;  // reads without a lease
  bool cut = true;
};

/// `Machine` is StateTable, or one of its kin with a rule broken.
template <typename Machine>
class Explorer {
 public:
  explicit Explorer(const Scope& scope) : scope_(scope) {}

  /// Visits every state, or stops at the first violation. Call it once.
  Explored Run() {
    World start;
    LRTI_CHECK(start.machine.Register(kSlotBytes));
    for (Client& client : start.clients) client.session = start.machine.Open();
    Visit(std::move(start));
    while (!stack_.empty() && !violated_) {
      const World world = std::move(stack_.back());
      stack_.pop_back();
      Events(world);
    }
    result_.states = seen_.size();
    return result_;
  }

 private:
  static constexpr uint64_t kSlotBytes = 4096;
  static constexpr uint32_t kKeys = 2;
  static constexpr uint64_t kSteps = 3;
  static constexpr int64_t kStaleness = 1;
  static constexpr uint64_t kJob = 1;

  // What lies in a slot: a put's bytes, all of them or some.
  struct Content {
    int put = -1;
    bool whole = false;
    bool operator==(const Content&) const = default;
  };

  struct Put {
    uint32_t key = 0;
    hidden_state::Version version;
    bool committed = false;
    bool dropped = false;  // begun before the invalidation
    bool writing = false;
    bool ended = false;
    Place place;
  };

  struct View {
    int put = -1;
    Place place;
    Content first_half;  // of a copy
  };

  struct Client {
    SessionId session = 0;
    bool alive = true;
    bool cut = false;
    int put = -1;  // under way
    std::optional<View> lease;
    std::optional<View> copy;
  };

  // One event, in words that are put together only when they are asked for.
  struct Event {
    const char* what = "";  // {0}: who, {1}: which, {2}: step
    int who = 0;
    uint64_t which = 0;
    uint64_t step = 0;
  };

  struct Past {
    Event event;
    std::shared_ptr<const Past> before;
  };

  struct World {
    Machine machine = Machine({.pool_bytes = 2 * kSlotBytes,
                               .extent_bytes = 2 * kSlotBytes,
                               .leased_bytes_max = 2 * kSlotBytes,
                               .leased_bytes_client_max = kSlotBytes,
                               .put_bytes_client_max = kSlotBytes});
    std::array<Client, 2> clients;
    std::array<Content, 2> memory;
    std::vector<Put> puts;
    uint64_t lineage = 1;
    uint64_t step = 1;
    bool invalidated = false;
    std::shared_ptr<const Past> past;
  };

  static hidden_state::StateKey KeyOf(uint32_t key) { return {.job = kJob, .frame = key}; }
  static size_t SlotOf(const Place& place) { return place.offset / kSlotBytes; }

  // ---- events ----

  template <typename Happen>
  void Try(const World& world, const Event& event, Happen happen) {
    if (violated_) return;
    ++result_.events;
    event_ = event;
    World next = world;
    happen(next);
    Visit(std::move(next));
  }

  void Events(const World& world) {
    for (size_t c = 0; c < world.clients.size(); ++c) {
      if (world.clients[c].alive) ClientEvents(world, c);
    }
    for (size_t p = 0; p < world.puts.size(); ++p) WriterEvents(world, p);
    if (world.step < kSteps) {
      Try(world, {"the readers go a step on"}, [&](World& next) {
        ++next.step;
        Advance(next);
      });
    }
    if (scope_.rollback && world.lineage == 1) {
      Try(world, {"rollback"}, [&](World& next) {
        next.lineage = 2;
        next.step = 1;
        Advance(next);
      });
    }
    if (scope_.invalidation && !world.invalidated) {
      Try(world, {"invalidate"}, [&](World& next) {
        next.invalidated = true;
        for (Put& put : next.puts) put.dropped = true;
        next.machine.Invalidate(kJob);
      });
    }
  }

  void Advance(World& world) { world.machine.AdvanceStep(kJob, RuleOf(world)); }

  static hidden_state::Rule RuleOf(const World& world) {
    return {world.lineage, world.step, kStaleness};
  }

  void ClientEvents(const World& world, size_t c) {
    const Client& client = world.clients[c];
    const int who = static_cast<int>(c);
    if (client.put < 0 && std::ssize(world.puts) < scope_.puts) {
      for (uint32_t key = 0; key < kKeys; ++key) {
        // At the readers' step, or ahead of them; a slow writer falls behind later.
        for (uint64_t step = world.step; step <= std::min(world.step + 1, kSteps); ++step) {
          Try(world, {"client {0} reserves state {1} of step {2}", who, key, step},
              [&](World& next) { Reserve(next, next.clients[c], key, step); });
        }
      }
    }
    for (uint32_t key = 0; key < kKeys; ++key) {
      if (!client.lease) {
        Try(world, {"client {0} leases state {1}", who, key},
            [&](World& next) { Lease(next, next.clients[c], key); });
      }
      if (scope_.copies && !client.copy && c == 0) {
        Try(world, {"client {0} copies half of state {1}", who, key},
            [&](World& next) { BeginCopy(next, next.clients[c], key); });
      }
    }
    if (client.copy) {
      Try(world, {"client {0} copies the rest", who},
          [&](World& next) { EndCopy(next, next.clients[c]); });
    }
    if (client.lease) {
      Try(world, {"client {0} releases", who}, [&](World& next) {
        Client& self = next.clients[c];
        const bool released = next.machine.Release(self.session, self.lease->place);
        self.lease.reset();
        Check(next, kEnds, released, "a lease that was given cannot be released");
      });
    }
    if (scope_.cut && !client.cut && c == 1) {
      Try(world, {"client {0} is cut", who}, [&](World& next) {
        next.clients[c].cut = true;
        next.machine.Cut(next.clients[c].session);
      });
    }
    Try(world, {"client {0} dies", who}, [&](World& next) {
      Client& self = next.clients[c];
      next.machine.Close(self.session);
      self = {.session = self.session, .alive = false};
    });
  }

  void Reserve(World& world, Client& client, uint32_t key, uint64_t step) {
    const hidden_state::Version version{world.lineage, step};
    const auto granted = world.machine.Reserve(client.session, KeyOf(key), version, kSlotBytes);
    if (granted.answer != Answer::kOk) return;
    client.put = static_cast<int>(world.puts.size());
    world.puts.push_back({.key = key, .version = version, .place = granted.place});
  }

  // The node's thread that moves a put's bytes; it may outlive the client.
  void WriterEvents(const World& world, size_t p) {
    const Put& put = world.puts[p];
    if (put.ended) return;
    if (!put.writing) {
      Try(world, {"put {1} begins", 0, p}, [&](World& next) {
        Put& self = next.puts[p];
        if (next.machine.BeginWrite(self.place)) {
          self.writing = true;
          Write(next, self.place, {static_cast<int>(p), false});
        } else {
          End(next, p);
        }
      });
      return;
    }
    for (const bool whole : {false, true}) {
      Try(world, {whole ? "put {1} ends whole" : "put {1} ends cut short", 0, p}, [&](World& next) {
        Put& self = next.puts[p];
        if (whole) Write(next, self.place, {static_cast<int>(p), true});
        const bool fresher = FresherThere(next, self);
        const Answer answer = next.machine.EndWrite(self.place, whole);
        self.committed = answer == Answer::kOk;
        Check(next, kG2, !(fresher && self.committed), "an older put replaced a fresher state");
        End(next, p);
      });
    }
  }

  static bool FresherThere(const World& world, const Put& put) {
    Machine machine = world.machine;
    const auto found =
        machine.Lookup(KeyOf(put.key), {put.version.lineage, kSteps, /*any age*/ -1});
    return found.answer == Answer::kOk && found.version.step > put.version.step;
  }

  static void End(World& world, size_t p) {
    world.puts[p].ended = true;
    for (Client& client : world.clients) {
      if (client.put == static_cast<int>(p)) client.put = -1;
    }
  }

  void Write(World& world, const Place& place, Content content) {
    Content& slot = world.memory.at(SlotOf(place));
    for (const Client& client : world.clients) {
      const bool read = client.lease && SlotOf(client.lease->place) == SlotOf(place);
      Check(world, kG1, !read, "a leased slot is written");
    }
    slot = content;
  }

  void Lease(World& world, Client& client, uint32_t key) {
    const auto found = world.machine.Lease(client.session, KeyOf(key), RuleOf(world));
    if (found.answer != Answer::kOk) return;
    Check(world, kEnds, !client.cut, "a client that was cut gets a lease");
    client.lease = Served(world, key, found);
  }

  void BeginCopy(World& world, Client& client, uint32_t key) {
    const auto found = world.machine.Lookup(KeyOf(key), RuleOf(world));
    if (found.answer == Answer::kOk) client.copy = Served(world, key, found);
  }

  void EndCopy(World& world, Client& client) {
    const View view = *client.copy;
    client.copy.reset();
    if (!world.machine.IsServed(view.place)) return;  // a lost race: a miss
    const Content whole{view.put, true};
    Check(world, kG1, view.first_half == whole && world.memory.at(SlotOf(view.place)) == whole,
          "a copy holds bytes of two puts");
    Check(world, kG3, !world.puts.at(static_cast<size_t>(view.put)).dropped,
          "a copy ends well after its state was invalidated");
  }

  // Holds a hit to what was really written, and notes it.
  View Served(const World& world, uint32_t key, const StateTable::Found& found) {
    const Content content = world.memory.at(SlotOf(found.place));
    Check(world, kG1, content.put >= 0 && content.whole, "a hit on bytes that are not whole");
    if (content.put < 0) return {};
    const Put& put = world.puts.at(static_cast<size_t>(content.put));
    Check(world, kG1, put.committed && put.key == key && put.version == found.version,
          "a hit on bytes of another put");
    const uint64_t made = put.version.step;
    Check(world, kG2,
          put.version.lineage == world.lineage && made <= world.step &&
              made + static_cast<uint64_t>(kStaleness) >= world.step,
          "a hit that breaks the reader's rule");
    Check(world, kG3, !put.dropped, "a hit on a state that was invalidated");
    return {content.put, found.place, content};
  }

  // ---- states ----

  void Visit(World world) {
    if (violated_ || !seen_.insert(NameOf(world)).second) return;
    CheckRoom(world);
    CheckEnd(world);
    world.past = std::make_shared<const Past>(Past{event_, world.past});
    stack_.push_back(std::move(world));
  }

  void CheckRoom(const World& world) {
    const StateTable::Stats stats = world.machine.GetStats();
    uint64_t leases = 0;
    for (const Client& client : world.clients) leases += client.lease ? 1 : 0;
    Check(world, kG4,
          stats.pool_bytes <= 2 * kSlotBytes && stats.entries <= 2 &&
              stats.bytes == stats.entries * kSlotBytes &&
              stats.leased_bytes == leases * kSlotBytes &&
              stats.pool_bytes == (stats.entries + stats.slots_busy) * kSlotBytes,
          "what is counted is not what is there");
  }

  // From any state on: once all clients are gone and all writers done, nothing is held, and a
  // new client finds room for two states.
  void CheckEnd(const World& world) {
    Machine machine = world.machine;
    for (const Client& client : world.clients) machine.Close(client.session);
    for (const Put& put : world.puts) {
      if (put.writing && !put.ended) machine.EndWrite(put.place, true);
    }
    const StateTable::Stats stats = machine.GetStats();
    Check(world, kEnds, stats.slots_busy == 0 && stats.leased_bytes == 0,
          "a slot stays taken after its client died");
    const hidden_state::Version version{world.lineage, kSteps};
    for (const uint32_t key : {10u, 11u}) {
      const auto granted = machine.Reserve(machine.Open(), KeyOf(key), version, kSlotBytes);
      Check(world, kEnds, granted.answer == Answer::kOk, "an idle node has no room");
    }
  }

  // States are the same when later answers are: generations count as names only.
  static std::pair<uint64_t, uint64_t> NameOf(const World& world) {
    Fingerprint one("one");
    Fingerprint two("two");
    std::map<uint64_t, uint64_t> names = {{0, 0}};
    const auto add = [&](auto... values) {
      (one.Add(static_cast<uint64_t>(values)), ...);
      (two.Add(static_cast<uint64_t>(values)), ...);
    };
    const auto add_place = [&](const Place& place) {
      const auto [name, is_new] = names.emplace(place.generation, names.size());
      add(place.extent, place.slot, place.offset, name->second);
    };
    const StateTable::Contents& it = world.machine.contents();
    for (uint32_t e = 0; e < it.slots.extents().size(); ++e) {
      const Slots::Extent& extent = it.slots.extents()[e];
      add(extent.class_bytes, extent.in_use);
      for (uint32_t s = 0; s < extent.slots.size(); ++s) {
        const Slot& slot = extent.slots[s];
        add(slot.state, slot.visited, slot.doomed, slot.pins, slot.writer, slot.key.frame,
            slot.version.lineage, slot.version.step);
        add_place(it.slots.PlaceOf(e, s));
      }
    }
    for (const auto& [key, ref] : it.index) add(key.frame, ref.extent, ref.slot);
    for (const auto& [bytes, hand] : it.hands) add(bytes, hand.extent, hand.slot);
    for (const auto& [job, rule] : it.steps) add(job, rule.lineage, rule.step);
    for (const auto& [id, session] : it.sessions) {
      add(id, session.cut, session.leased_bytes, session.put_bytes, session.puts.size());
      for (const auto& [ref, count] : session.leases) add(ref.extent, ref.slot, count);
    }
    add(world.lineage, world.step, world.invalidated, world.puts.size());
    for (const Put& put : world.puts) {
      add(put.key, put.version.lineage, put.version.step, put.committed, put.dropped, put.writing,
          put.ended);
      if (!put.ended) add_place(put.place);
    }
    for (const Content& content : world.memory) add(content.put, content.whole);
    for (const Client& client : world.clients) {
      add(client.alive, client.cut, client.put);
      for (const std::optional<View>& view : {client.lease, client.copy}) {
        add(view.has_value());
        if (!view) continue;
        add(view->put, view->first_half.put, view->first_half.whole);
        add_place(view->place);
      }
    }
    return {one.value(), two.value()};
  }

  void Check(const World& world, Guarantee guarantee, bool holds, const char* what) {
    ++result_.checks[guarantee];
    if (holds || violated_) return;
    violated_ = true;
    std::vector<Event> events = {event_};
    for (const Past* past = world.past.get(); past != nullptr; past = past->before.get()) {
      events.push_back(past->event);
    }
    std::string& text = result_.violations[guarantee];
    text = what;
    std::for_each(events.rbegin(), events.rend(), [&](const Event& event) {
      text += "; " + fmt::format(fmt::runtime(event.what), event.who, event.which, event.step);
    });
  }

  struct Hash {
    size_t operator()(const std::pair<uint64_t, uint64_t>& name) const { return name.first; }
  };

  const Scope scope_;
  bool violated_ = false;
  Event event_{"start"};
  Explored result_;
  std::vector<World> stack_;
  std::unordered_set<std::pair<uint64_t, uint64_t>, Hash> seen_;
};

}  // namespace lrti::cache
