import AppLayout from "@cloudscape-design/components/app-layout";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Flashbar from "@cloudscape-design/components/flashbar";
import SideNavigation from "@cloudscape-design/components/side-navigation";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { Mark } from "../components/Mark";
import { useNotices } from "../components/notices";
import { type Appearance, applyAppearance, useAppearance } from "./appearance";
import { useConfig } from "./config";
import { useMay, useMe } from "./me";
import { signOut } from "./signOut";

const LOOKS: { id: Appearance; text: string }[] = [
  { id: "light", text: "Light" },
  { id: "dark", text: "Dark" },
  { id: "system", text: "As on this machine" },
];

/** The frame of every page: name bar, navigation, notices. */
export function Shell({ children }: { children: ReactNode }) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const { notices, dismiss } = useNotices();
  const admin = useMay("admin");
  const [open, setOpen] = useState(() => innerWidth > 900);
  const links = [
    { text: "Today", href: "/today" },
    { text: "Forecasts", href: "/forecasts" },
    { text: "What-if", href: "/what-if" },
    { text: "Orders", href: "/orders" },
    { text: "Data", href: "/data" },
    { text: "Rules", href: "/rules" },
    { text: "Models", href: "/models" },
    ...(admin ? [{ text: "Admin", href: "/admin" }] : []),
  ];
  const active = links.find((one) => pathname === one.href || pathname.startsWith(`${one.href}/`))?.href;
  return (
    <>
      <TopBar />
      <AppLayout
        headerSelector="#top-bar"
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        toolsHide
        navigationWidth={200}
        maxContentWidth={1600}
        ariaLabels={{
          navigation: "Pages",
          navigationClose: "Close the page list",
          navigationToggle: "Open the page list",
        }}
        navigation={
          <SideNavigation
            activeHref={active}
            items={links.map((one) => ({ type: "link", ...one }))}
            onFollow={(event) => {
              event.preventDefault();
              navigate(event.detail.href);
              if (innerWidth <= 900) setOpen(false);
            }}
          />
        }
        notifications={
          <Flashbar
            items={notices.map((one) => ({
              id: one.id,
              type: one.type,
              header: one.header,
              content: one.text,
              dismissible: true,
              dismissLabel: "Dismiss",
              onDismiss: () => dismiss(one.id),
            }))}
          />
        }
        content={children}
      />
    </>
  );
}

function TopBar() {
  const me = useMe();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const config = useConfig();
  const { appearance } = useAppearance();
  function act(id: string) {
    if (id === "sign-out") {
      void signOut(config).then((elsewhere) => {
        queries.clear();
        if (elsewhere) location.assign(elsewhere);
        else navigate("/sign-in");
      });
    } else applyAppearance(id as Appearance);
  }
  return (
    <header id="top-bar">
      <a
        className="brand"
        href="/today"
        onClick={(event) => {
          event.preventDefault();
          navigate("/today");
        }}
      >
        <Mark />
        Shelfcast
      </a>
      <span className="space" />
      <div className="awsui-context-top-navigation">
        <ButtonDropdown
          variant="normal"
          ariaLabel={`Signed in as ${me.name}`}
          items={[
            {
              text: `Appearance`,
              items: LOOKS.map((one) => ({
                id: one.id,
                text: one.text,
                itemType: "checkbox" as const,
                checked: one.id === appearance,
              })),
            },
            { id: "sign-out", text: "Sign out" },
          ]}
          onItemClick={({ detail }) => act(detail.id)}
        >
          {me.name}
        </ButtonDropdown>
      </div>
    </header>
  );
}
