import BreadcrumbGroup from "@cloudscape-design/components/breadcrumb-group";
import ContentLayout from "@cloudscape-design/components/content-layout";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useEffect } from "react";
import { useNavigate } from "react-router";

interface Props {
  title: string;
  description?: ReactNode;
  actions?: ReactNode;
  info?: ReactNode;
  trail?: { text: string; href: string }[];
  children: ReactNode;
}

/** What every page has: a title (also the tab's), one sentence on what it is for, its actions. */
export function Page({ title, description, actions, info, trail, children }: Props) {
  const navigate = useNavigate();
  useEffect(() => {
    document.title = `${title} · Shelfcast`;
  }, [title]);
  return (
    <ContentLayout
      breadcrumbs={
        trail && (
          <BreadcrumbGroup
            items={[...trail, { text: title, href: "#" }]}
            onFollow={(event) => {
              event.preventDefault();
              if (event.detail.href !== "#") navigate(event.detail.href);
            }}
          />
        )
      }
      header={
        <Header variant="h1" description={description} actions={actions} info={info}>
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">{children}</SpaceBetween>
    </ContentLayout>
  );
}
