/** Where checkpoints live: from what a person types to the bytes. */
export type { HeaderCache } from "./cache/header-cache.ts";
export { headerCache } from "./cache/header-cache.ts";
export type { FindOptions, Found } from "./find-target.ts";
export { findRepository, findTarget, openListed } from "./find-target.ts";
export type { Remote } from "./hub-repository.ts";
export { DEFAULT_REVISION, hubRepository } from "./hub-repository.ts";
export type { Repository } from "./repository.ts";
export { infoOf, repositoryInfo } from "./repository-info.ts";
export type { HubSettings } from "./settings.ts";
export { hubSettings, SettingsError } from "./settings.ts";
export type { HubTarget, Target, TargetOptions } from "./target.ts";
export { hubTargetText, parseTarget, TargetError } from "./target.ts";
export type { Gate, Traffic, Transport, TransportOptions } from "./transport/transport.ts";
export { requestGate, transport } from "./transport/transport.ts";
