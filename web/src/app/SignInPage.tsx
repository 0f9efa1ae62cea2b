import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { answer, api } from "../api/client";
import { sentenceOf } from "../api/problem";
import { keep } from "../api/session";
import { Mark } from "../components/Mark";
import type { WebConfig } from "./start";

/** Sign in; or, with the one-time code of a link, become the user it stands for. */
export function SignInPage({ config }: { config: WebConfig }) {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const code = search.get("code") ?? "";
  const [name, setName] = useState(code ? "admin" : "");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const mismatch = code !== "" && again !== "" && again !== password;
  const short = code !== "" && password !== "" && password.length < 10;

  useEffect(() => {
    document.title = "Sign in · Shelfcast";
  }, []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!name || !password || mismatch || short || (code && !again)) {
      setProblem("Fill in every field first.");
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      const tokens = code
        ? await answer(api.POST("/v1/auth/invite", { body: { code, name, password } }))
        : await answer(api.POST("/v1/auth/token", { body: { name, password } }));
      queries.clear();
      keep(tokens);
      const back = search.get("back") ?? "/";
      navigate(back.startsWith("/") && !back.startsWith("//") ? back : "/", { replace: true });
    } catch (error) {
      const { title, detail } = sentenceOf(error);
      setProblem(detail || title);
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className="sign-in">
      <div>
        <div className="brand">
          <Mark size={38} />
          Shelfcast
        </div>
        <form onSubmit={submit}>
          <Container
            header={
              <Header
                variant="h1"
                description={code ? "This link works once. Choose your name and password." : undefined}
              >
                {code ? "Make your account" : "Sign in"}
              </Header>
            }
          >
            <Form
              actions={
                <Button variant="primary" formAction="submit" loading={busy}>
                  {code ? "Make account" : "Sign in"}
                </Button>
              }
            >
              <SpaceBetween size="m">
                {problem && <Alert type="error">{problem}</Alert>}
                <FormField label="Name">
                  <Input
                    value={name}
                    onChange={({ detail }) => setName(detail.value)}
                    autoComplete="username"
                    autoFocus
                  />
                </FormField>
                <FormField
                  label="Password"
                  constraintText={code ? "At least 10 characters" : undefined}
                  errorText={short ? "At least 10 characters are needed" : undefined}
                >
                  <Input
                    type="password"
                    value={password}
                    onChange={({ detail }) => setPassword(detail.value)}
                    autoComplete={code ? "new-password" : "current-password"}
                  />
                </FormField>
                {code && (
                  <FormField label="Password again" errorText={mismatch ? "The two passwords differ" : undefined}>
                    <Input
                      type="password"
                      value={again}
                      onChange={({ detail }) => setAgain(detail.value)}
                      autoComplete="new-password"
                    />
                  </FormField>
                )}
              </SpaceBetween>
            </Form>
          </Container>
        </form>
        {!code && config.sign_in === "local" && (
          <Box margin={{ top: "m" }} color="text-body-secondary" fontSize="body-s">
            No account yet? An admin makes one for you. The very first admin uses the link the server printed when it
            started.
          </Box>
        )}
      </div>
    </main>
  );
}
