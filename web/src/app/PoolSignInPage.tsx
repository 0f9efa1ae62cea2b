import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { redeem, signInAddress } from "../api/cognito";
import { sentenceOf } from "../api/problem";
import { keep } from "../api/session";
import { Mark } from "../components/Mark";
import type { WebConfig } from "./start";

/** Sign in at the user pool's page; it sends the browser back here with a code. */
export function PoolSignInPage({ config }: { config: WebConfig }) {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const begun = useRef(false);
  const [problem, setProblem] = useState("");
  const pool = { sign_in_url: config.sign_in_url ?? "", client_id: config.client_id ?? "" };
  const code = search.get("code");
  const state = search.get("state") ?? "";
  const refused = search.get("error_description") ?? "";

  useEffect(() => {
    document.title = "Sign in · Shelfcast";
    if (!code || begun.current) return;
    begun.current = true;
    redeem(pool, code, state).then(
      ({ tokens, back }) => {
        queries.clear();
        keep(tokens);
        navigate(back.startsWith("/") && !back.startsWith("//") ? back : "/", { replace: true });
      },
      (error: unknown) => setProblem(sentenceOf(error).detail),
    );
  });

  return (
    <main className="sign-in">
      <div>
        <div className="brand">
          <Mark size={38} />
          Shelfcast
        </div>
        <Container header={<Header variant="h1">Sign in</Header>}>
          <SpaceBetween size="m">
            {(problem || refused) && <Alert type="error">{problem || refused}</Alert>}
            <Button
              variant="primary"
              loading={Boolean(code) && !problem}
              onClick={async () => location.assign(await signInAddress(pool, search.get("back") ?? "/"))}
            >
              Sign in with your organisation
            </Button>
          </SpaceBetween>
        </Container>
      </div>
    </main>
  );
}
