import AppLayout from "@cloudscape-design/components/app-layout";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Flashbar from "@cloudscape-design/components/flashbar";
import SideNavigation from "@cloudscape-design/components/side-navigation";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState, useSyncExternalStore } from "react";
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

const narrowScreen = matchMedia("(max-width: 688px)");

/** On a narrow screen the pages are a menu in the name bar: it takes less room, and reads better to screen readers. */
function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      narrowScreen.addEventListener("change", changed);
      return () => narrowScreen.removeEventListener("change", changed);
    },
    () => narrowScreen.matches,
  );
}

/** The frame of every page: name bar, navigation, notices. */
export function Shell({ children }: { children: ReactNode }) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const { notices, dismiss } = useNotices();
  const admin = useMay("admin");
  const narrow = useNarrow();
  const [open, setOpen] = useState(() => innerWidth > 900);
  const links = [
    { text: "Today", href: "/today" },
    { text: "Alerts", href: "/alerts" },
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
      <TopBar links={narrow ? links : []} active={active} />
      <AppLayout
        headerSelector="#top-bar"
        navigationOpen={open}
        onNavigationChange={({ detail }) => setOpen(detail.open)}
        toolsHide
        navigationHide={narrow}
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

function TopBar({ links, active }: { links: { text: string; href: string }[]; active?: string }) {
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
      {links.length > 0 && (
        <nav className="awsui-context-top-navigation" aria-label="Pages">
          <ButtonDropdown
            variant="normal"
            items={links.map((one) => ({ id: one.href, text: one.text, href: one.href, disabled: false }))}
            onItemFollow={(event) => {
              event.preventDefault();
              navigate(event.detail.id);
            }}
          >
            {links.find((one) => one.href === active)?.text ?? "Pages"}
          </ButtonDropdown>
        </nav>
      )}
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
