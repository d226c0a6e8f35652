// All verbs. Each has a file of its own here, with its declaration and what it does.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.hpp"

namespace ecrin::cli {

const Verb& append_verb();
const Verb& add_into_verb();
const Verb& attach_verb();
const Verb& build_verb();
const Verb& commit_verb();
const Verb& copy_into_verb();
const Verb& from_verb();
const Verb& rm_verb();
const Verb& mount_verb();
const Verb& umount_verb();
const Verb& completion_verb();
const Verb& config_verb();
const Verb& container_prune_verb();
const Verb& copy_verb();
const Verb& cp_verb();
const Verb& create_verb();
const Verb& debug_verb();
const Verb& delete_verb();
const Verb& df_verb();
const Verb& diff_verb();
const Verb& doctor_verb();
const Verb& exec_verb();
const Verb& enter_verb();
const Verb& exists_verb();
const Verb& export_verb();
const Verb& help_verb();
const Verb& history_verb();
const Verb& image_mount_verb();
const Verb& image_unmount_verb();
const Verb& image_unused_verb();
const Verb& images_verb();
const Verb& import_verb();
const Verb& info_verb();
const Verb& inspect_verb();
const Verb& kill_verb();
const Verb& install_verb();
const Verb& installed_verb();
const Verb& uninstall_verb();
const Verb& load_verb();
const Verb& login_verb();
const Verb& logout_verb();
const Verb& logs_verb();
const Verb& manifest_add_verb();
const Verb& manifest_annotate_verb();
const Verb& manifest_create_verb();
const Verb& manifest_exists_verb();
const Verb& network_connect_verb();
const Verb& network_create_verb();
const Verb& network_disconnect_verb();
const Verb& network_ls_verb();
const Verb& network_inspect_verb();
const Verb& network_exists_verb();
const Verb& network_rm_verb();
const Verb& network_prune_verb();
const Verb& manifest_inspect_verb();
const Verb& manifest_push_verb();
const Verb& manifest_remove_verb();
const Verb& manifest_rm_verb();
const Verb& pause_verb();
const Verb& port_verb();
const Verb& prune_verb();
const Verb& ps_verb();
const Verb& pull_verb();
const Verb& push_verb();
const Verb& rebase_verb();
const Verb& recipe_convert_verb();
const Verb& referrers_verb();
const Verb& rename_verb();
const Verb& restart_verb();
const Verb& rmi_verb();
const Verb& run_verb();
const Verb& runtime_verb();
const Verb& save_verb();
const Verb& shell_verb();
const Verb& squash_verb();
const Verb& start_verb();
const Verb& stats_verb();
const Verb& stop_verb();
const Verb& tag_verb();
const Verb& top_verb();
const Verb& trace_verb();
const Verb& unpause_verb();
const Verb& unshare_verb();
const Verb& untag_verb();
const Verb& update_verb();
const Verb& version_verb();
const Verb& wait_verb();
const Verb& volume_create_verb();
const Verb& volume_exists_verb();
const Verb& volume_inspect_verb();
const Verb& volume_ls_verb();
const Verb& volume_prune_verb();
const Verb& volume_rm_verb();

/// In the order of `ecrin --help`. A name of two words ("manifest add") is a verb of the noun before it.
std::span<const Verb* const> verbs();

struct VerbMatch {
  const Verb* verb = nullptr;
  std::size_t words = 0;  // how many words named it: "images" is one, "image ls" two
};
/// The verb that the first words name: `images`, or podman's noun form `image ls`.
Result<VerbMatch> find_verb(std::span<const std::string> words);
/// The nouns that have verbs of their own: "image" (other names of the same verbs) and "manifest".
std::span<const std::string_view> nouns();
/// The words that may follow a noun: "ls", "rm", ... Empty when it is none.
std::vector<std::string_view> words_after(std::string_view noun);

/// `ecrin` alone and `ecrin --help`.
std::string program_help();
/// The text of `ecrin version`.
std::string_view program_version();
/// Candidates for the last of `words` (what follows `ecrin` on the line), one a line; `:file` and
/// `:directory` as the only line let the shell complete paths. `images` are names for operands that are
/// images.
std::string complete(std::span<const std::string> words, std::span<const std::string> images);
/// Does complete() have a use for the names of images here?
bool completes_images(std::span<const std::string> words);
/// The --root among the words before the verb, "" when there is none.
std::string typed_root(std::span<const std::string> words);

}  // namespace ecrin::cli
