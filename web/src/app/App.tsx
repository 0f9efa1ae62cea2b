import I18nProvider from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import Spinner from "@cloudscape-design/components/spinner";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Suspense } from "react";
import { BrowserRouter, Navigate, Route, Routes } from "react-router";
import { ApiProblem } from "../api/problem";
import { NotFoundPage } from "../components/NotFoundPage";
import { Notices } from "../components/notices";
import { PageBoundary } from "../components/PageBoundary";
import { Config } from "./config";
import { PoolSignInPage } from "./PoolSignInPage";
import {
  AdminPage,
  AlertsPage,
  ComparePage,
  DataPage,
  ForecastsPage,
  ModelPage,
  ModelsPage,
  NewScenarioPage,
  OrderLinePage,
  OrdersPage,
  RulesPage,
  ScenarioPage,
  ScenariosPage,
  SeriesPage,
  TodayPage,
} from "./pages";
import { RequireSignIn } from "./RequireSignIn";
import { Shell } from "./Shell";
import { SignInPage } from "./SignInPage";
import type { WebConfig } from "./start";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // A refusal stays one when asked again; only a server that is away may come back.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiProblem && error.status < 500),
    },
  },
});

export function App({ config }: { config: WebConfig }) {
  return (
    <I18nProvider locale="en" messages={[messages]}>
      <QueryClientProvider client={queries}>
        <Config.Provider value={config}>
          <Notices>
            <BrowserRouter>
              <Routes>
                <Route
                  path="/sign-in"
                  element={
                    config.sign_in === "cognito" ? <PoolSignInPage config={config} /> : <SignInPage config={config} />
                  }
                />
                <Route path="/welcome" element={<SignInPage config={config} />} />
                <Route path="*" element={<SignedIn />} />
              </Routes>
            </BrowserRouter>
          </Notices>
        </Config.Provider>
      </QueryClientProvider>
    </I18nProvider>
  );
}

function SignedIn() {
  return (
    <RequireSignIn>
      <Shell>
        <PageBoundary>
          <Suspense fallback={<Spinner size="large" />}>
            <Routes>
              <Route index element={<Navigate to="/today" replace />} />
              <Route path="today" element={<TodayPage />} />
              <Route path="alerts" element={<AlertsPage />} />
              <Route path="data/:tab?/:name?" element={<DataPage />} />
              <Route path="forecasts" element={<ForecastsPage />} />
              <Route path="forecasts/series" element={<SeriesPage />} />
              <Route path="what-if" element={<ScenariosPage />} />
              <Route path="what-if/new" element={<NewScenarioPage />} />
              <Route path="what-if/compare" element={<ComparePage />} />
              <Route path="what-if/:id" element={<ScenarioPage />} />
              <Route path="orders" element={<OrdersPage />} />
              <Route path="orders/line/:line" element={<OrderLinePage />} />
              <Route path="rules/:tab?" element={<RulesPage />} />
              <Route path="models" element={<ModelsPage />} />
              <Route path="models/:id" element={<ModelPage />} />
              <Route path="admin/:tab?" element={<AdminPage />} />
              <Route path="*" element={<NotFoundPage />} />
            </Routes>
          </Suspense>
        </PageBoundary>
      </Shell>
    </RequireSignIn>
  );
}
