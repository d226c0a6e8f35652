#include "recipes/stage_graph.hpp"

#include <algorithm>
#include <map>

namespace ecrin::recipes {

std::optional<StageCycle> find_stage_cycle(const std::vector<std::string>& names,
                                           std::span<const StageUse> uses) {
  struct Edge {
    std::size_t target;
    Span span;
  };
  std::map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < names.size(); ++i) index.emplace(names[i], i);
  std::vector<std::vector<Edge>> edges(names.size());
  for (const StageUse& use : uses) edges[use.user].push_back({index.at(use.used), use.span});

  // Depth first, with a stack of our own: a chain of stages may be long.
  struct Visit {
    std::size_t stage;
    std::size_t next_edge = 0;
  };
  enum class State { unseen, open, done };
  std::vector<State> states(names.size(), State::unseen);
  for (std::size_t start = 0; start < names.size(); ++start) {
    if (states[start] != State::unseen) continue;
    std::vector<Visit> path{{start}};
    states[start] = State::open;
    while (!path.empty()) {
      Visit& visit = path.back();
      if (visit.next_edge == edges[visit.stage].size()) {
        states[visit.stage] = State::done;
        path.pop_back();
        continue;
      }
      const Edge edge = edges[visit.stage][visit.next_edge++];
      if (states[edge.target] == State::open) {
        StageCycle cycle;
        const auto first =
            std::find_if(path.begin(), path.end(), [&](const Visit& v) { return v.stage == edge.target; });
        cycle.span = edges[first->stage][first->next_edge - 1].span;
        for (auto step = first; step != path.end(); ++step) cycle.path.push_back(step->stage);
        cycle.path.push_back(edge.target);
        return cycle;
      }
      if (states[edge.target] == State::unseen) {
        states[edge.target] = State::open;
        path.push_back({edge.target});
      }
    }
  }
  return std::nullopt;
}

}  // namespace ecrin::recipes
