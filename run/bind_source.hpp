// The source of a bind mount, as a detached mount that a descriptor carries into the stage's mount namespace.
#pragma once

#include "base/fd.hpp"
#include "run/plan/setup_plan.hpp"

namespace ecrin::run {

/// `id_mapped`: how its ids are mapped, or null. Mapping needs privileges over the file system, which on the
/// host only its administrator has.
Result<Fd> open_bind_source(const SetupOp& op, const IdMappedBind* id_mapped);

/// The entry of this operation, or null.
const IdMappedBind* find_id_mapped(const ContainerPlan& plan, std::size_t op);

}  // namespace ecrin::run
