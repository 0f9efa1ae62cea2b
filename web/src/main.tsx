import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { mayBeSignedIn } from "./api/session";
import { App } from "./app/App";
import { fetchAhead } from "./app/pages";
import { start } from "./app/start";
import "./app/base.css";

if (mayBeSignedIn()) fetchAhead(location.pathname);
const root = createRoot(document.getElementById("root") as HTMLElement);
start().then(
  (config) =>
    root.render(
      <StrictMode>
        <App config={config} />
      </StrictMode>,
    ),
  (error: unknown) =>
    root.render(
      <p role="alert" style={{ margin: "3rem", fontFamily: "sans-serif" }}>
        Shelfcast could not read its settings (/config.json): {error instanceof Error ? error.message : String(error)}.
        Check that the server runs, then load this page again.
      </p>,
    ),
);
