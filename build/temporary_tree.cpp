#include "build/temporary_tree.hpp"

#include "base/log.hpp"
#include "base/posix.hpp"
#include "fs/tree.hpp"

namespace ecrin::build {

Result<TemporaryTree> make_temporary_tree(Store& store, const std::string& purpose) {
  const std::string name = purpose + "-" + Store::unique_name();
  auto parent = std::make_shared<Fd>(TRY(store.temporary()));
  TRY(posix::mkdir_at(*parent, name, 0700));
  std::shared_ptr<const void> remover(nullptr, [parent, name](const void*) {
    if (auto removed = fs::remove_tree(*parent, name); !removed) log::debug("{}", removed.error().message());
  });
  return TemporaryTree{store.temporary_path() + "/" + name, std::move(remover)};
}

}  // namespace ecrin::build
