// Asking and fetching git repositories, through the git program. It runs outside of containers, on our side:
// so without anybody's configuration, hooks, filters or prompts, and only over http, https, ssh and git.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/cancel.hpp"
#include "build/git_source.hpp"
#include "build/workshop.hpp"

namespace ecrin::build {

struct GitOptions {
  std::string search_path;                         // for git and ssh
  std::map<std::string, std::string> environment;  // proxies, SSH_AUTH_SOCK
  std::string home;                                // whose ssh keys and known hosts serve; "" = none
};

/// The commit that the source means now. A full commit id is not asked for.
Result<std::string> find_commit(const GitSource& source, const GitOptions& options,
                                const CancelToken* cancel);

/// A checkout in the store's temporary directory, removed with the last user.
struct GitCheckout {
  std::string path;  // of the whole work tree
  std::shared_ptr<const void> remover;
};
enum class GitDirectory { leave_out, keep };
/// Shallow where the server can. `.git`, if kept, has the history of this one commit and nothing of the time
/// and place of the checkout.
Result<GitCheckout> fetch_commit(Workshop& workshop, const GitSource& source, const std::string& commit,
                                 GitDirectory directory, const GitOptions& options,
                                 const CancelToken* cancel);

}  // namespace ecrin::build
