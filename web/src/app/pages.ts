import { lazy } from "react";

/** The file of each page that an address leads to; the longest that fits counts. */
const FILES = {
  "/today": () => import("../features/today/TodayPage"),
  "/data": () => import("../features/data/DataPage"),
  "/forecasts": () => import("../features/forecasts/ForecastsPage"),
  "/forecasts/series": () => import("../features/forecasts/SeriesPage"),
  "/what-if": () => import("../features/scenarios/ScenariosPage"),
  "/what-if/new": () => import("../features/scenarios/NewScenarioPage"),
  "/what-if/compare": () => import("../features/scenarios/ComparePage"),
  "/orders": () => import("../features/orders/OrdersPage"),
  "/orders/line": () => import("../features/orders/OrderLinePage"),
  "/rules": () => import("../features/rules/RulesPage"),
  "/models": () => import("../features/models/ModelsPage"),
  "/alerts": () => import("../features/alerts/AlertsPage"),
  "/admin": () => import("../features/admin/AdminPage"),
};

export const TodayPage = lazy(FILES["/today"]);
export const DataPage = lazy(FILES["/data"]);
export const ForecastsPage = lazy(FILES["/forecasts"]);
export const SeriesPage = lazy(FILES["/forecasts/series"]);
export const ScenariosPage = lazy(FILES["/what-if"]);
export const NewScenarioPage = lazy(FILES["/what-if/new"]);
export const ComparePage = lazy(FILES["/what-if/compare"]);
export const ScenarioPage = lazy(() => import("../features/scenarios/ScenarioPage"));
export const OrdersPage = lazy(FILES["/orders"]);
export const OrderLinePage = lazy(FILES["/orders/line"]);
export const RulesPage = lazy(FILES["/rules"]);
export const ModelsPage = lazy(FILES["/models"]);
export const ModelPage = lazy(() => import("../features/models/ModelPage"));
export const AlertsPage = lazy(FILES["/alerts"]);
export const AdminPage = lazy(FILES["/admin"]);

/** Begin to load the page an address leads to, while the server is still asked who is signed in. */
export function fetchAhead(path: string): void {
  const fits = Object.entries(FILES).filter(([address]) => path === address || path.startsWith(`${address}/`));
  const [, load] = fits.sort(([a], [b]) => b.length - a.length)[0] ?? ["", FILES["/today"]];
  // A file that can't be had is told of where the page is shown.
  load().catch(() => undefined);
}
