# A provisioner for an AMI: packer build -var source_ami=ami-... -var package=target/dist/eniroute_0.2.0_amd64.deb .
# Nothing is configured while the image is built; each instance of it configures its own ENIs when it boots.
variable "source_ami" {
  type    = string
  default = ""
}

variable "package" {
  type    = string
  default = "target/dist/eniroute_0.2.0_amd64.deb"
}

variable "ssh_username" {
  type    = string
  default = "admin"
}

source "amazon-ebs" "eniroute" {
  ami_name      = "eniroute-{{timestamp}}"
  instance_type = "t3.micro"
  source_ami    = var.source_ami
  ssh_username  = var.ssh_username
  imds_support  = "v2.0"
}

build {
  sources = ["source.amazon-ebs.eniroute"]

  provisioner "file" {
    source      = var.package
    destination = "/tmp/${basename(var.package)}"
  }

  provisioner "file" {
    source      = "cloud-init/90-eniroute.cfg"
    destination = "/tmp/90-eniroute.cfg"
  }

  provisioner "shell" {
    execute_command = "sudo sh -eux '{{ .Path }}'"
    inline = [
      # The build host is an instance, too: nothing of it may be in the image.
      "touch /etc/eniroute.toml",
      "if command -v apt-get; then DEBIAN_FRONTEND=noninteractive apt-get install --yes /tmp/${basename(var.package)}; else dnf install --assumeyes /tmp/${basename(var.package)}; fi",
      "install -D -m 644 /tmp/90-eniroute.cfg /etc/cloud/cloud.cfg.d/90-eniroute.cfg",
      "eniroute remove",
      "rm -rf /var/lib/eniroute /tmp/${basename(var.package)} /tmp/90-eniroute.cfg",
      "[ -s /etc/eniroute.toml ] || rm -f /etc/eniroute.toml",
    ]
  }
}
