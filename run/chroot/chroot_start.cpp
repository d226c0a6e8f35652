#include "run/chroot/chroot_start.hpp"

#include <linux/capability.h>
#include <linux/seccomp.h>

#include <cerrno>

#include "fs/file_owners.hpp"
#include "run/plan/plan_facts.hpp"
#include "run/plan/refusal.hpp"

namespace ecrin::run {

bool may_only_change_root(const oci::RuntimeConfig& config) {
  return !may_mount_here() && !oci::find_namespace(config, oci::Namespace::user);
}

Result<ChrootStart> prepare_chroot(ContainerOptions& options, SeccompFilter filter) {
  const PlanFacts facts = TRY(plan_facts(options.config));
  const std::string fix = explain_user_namespace_refusal(EPERM, read_refusal_facts()).hint_text();
  const CapabilitySet present = TRY(get_capabilities()).effective;
  if ((present & capability_bit(CAP_SYS_CHROOT)) == 0)
    return std::unexpected(Error(ErrorKind::denied,
                                 "this process may make neither namespaces nor a container "
                                 "without them: it lacks CAP_SYS_CHROOT")
                               .hint(fix));
  if (filter.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
    return fail(ErrorKind::unsupported, "a seccomp filter with a listener needs namespaces");
  const auto owners =
      fs::owners_are_recorded() ? OwnerSupervisor::Owners::kept : OwnerSupervisor::Owners::left;
  auto calls = std::make_shared<OwnerSupervisor>(
      owners, HostFiles{.root = options.rootfs, .hostname = options.config.hostname});
  const std::uint64_t ids_number = TRY(calls->take_ids(options.config.process));
  ChrootPlan plan = TRY(make_chroot_plan(options.config, facts,
                                         {.rootfs = options.rootfs,
                                          .network = options.network,
                                          .init = options.init,
                                          .managed_files = std::move(options.managed_files),
                                          .copies_binds = options.copies_binds,
                                          .kept_sources = options.kept_sources,
                                          .seccomp = std::move(filter.program),
                                          .present = present,
                                          .fix = fix}));
  plan.setup.process.new_keyring = options.new_keyring;
  plan.setup.process.seccomp_flags = filter.flags;
  PlacedFiles files = TRY(PlacedFiles::place(options.rootfs, plan.placements));
  ChrootStart start{.stage = {.plan = std::move(plan.setup),
                              .stdio = std::move(options.stdio),
                              .preserved_descriptors = options.preserved_descriptors,
                              .detached = options.detached},
                    .files = std::move(files),
                    .calls = std::move(calls),
                    .lack =
                        "no namespaces can be made here: containers are processes of the container around, "
                        "with a root directory of their own, its network and its processes; " +
                        fix};
  TRY(start.calls->supervise(start.stage, ids_number));
  return start;
}

}  // namespace ecrin::run
